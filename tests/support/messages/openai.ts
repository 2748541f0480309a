/** Chat messages of OpenAI, as the types of its official package allow them, and what servers add that speak the same. @module */

import fc from "fast-check";
import type {
  ChatCompletionAssistantMessageParam,
  ChatCompletionContentPart,
  ChatCompletionContentPartImage,
  ChatCompletionContentPartInputAudio,
  ChatCompletionContentPartRefusal,
  ChatCompletionContentPartText,
  ChatCompletionDeveloperMessageParam,
  ChatCompletionFunctionMessageParam,
  ChatCompletionMessage,
  ChatCompletionMessageCustomToolCall,
  ChatCompletionMessageFunctionToolCall,
  ChatCompletionMessageParam,
  ChatCompletionMessageToolCall,
  ChatCompletionSystemMessageParam,
  ChatCompletionToolMessageParam,
  ChatCompletionUserMessageParam,
} from "openai/resources/chat/completions";
import {
  anyText,
  base64,
  count,
  id,
  json,
  jsonObject,
  kinds,
  list,
  orNull,
  record,
  text,
  url,
} from "./arbitrary.ts";

const type = fc.constant;

const breakpoint = record<ChatCompletionContentPart.File.PromptCacheBreakpoint>({
  mode: type("explicit"),
  ttl: fc.constantFrom("30m", "12h"),
}, ["mode"]);
const textPart = record<ChatCompletionContentPartText>({
  type: type("text"),
  text: anyText,
  prompt_cache_breakpoint: breakpoint,
}, ["type", "text"]);
const refusalPart = record<ChatCompletionContentPartRefusal>({
  type: type("refusal"),
  refusal: anyText,
}, ["type", "refusal"]);
const file = record<ChatCompletionContentPart.File.File>({
  file_data: base64.map((data) => `data:application/pdf;base64,${data}`),
  file_id: id,
  filename: text,
}, []).filter((found) => found.file_data !== undefined || found.file_id !== undefined);

const contentPart = kinds<ChatCompletionContentPart>({
  text: textPart,
  image_url: record<ChatCompletionContentPartImage>({
    type: type("image_url"),
    image_url: record<ChatCompletionContentPartImage.ImageURL>({
      url: fc.oneof(url, base64.map((data) => `data:image/png;base64,${data}`)),
      detail: fc.constantFrom("auto", "low", "high", "original"),
    }, ["url"]),
    prompt_cache_breakpoint: breakpoint,
  }, ["type", "image_url"]),
  input_audio: record<ChatCompletionContentPartInputAudio>({
    type: type("input_audio"),
    input_audio: record<ChatCompletionContentPartInputAudio.InputAudio>({
      data: base64,
      format: fc.constantFrom("wav", "mp3"),
    }, ["data", "format"]),
    prompt_cache_breakpoint: breakpoint,
  }, ["type", "input_audio"]),
  file: record<ChatCompletionContentPart.File>({
    type: type("file"),
    file,
    prompt_cache_breakpoint: breakpoint,
  }, ["type", "file"]),
});

const args = fc.oneof(jsonObject.map((found) => JSON.stringify(found, null, 1)), anyText);
const toolCall = kinds<ChatCompletionMessageToolCall>({
  function: record<ChatCompletionMessageFunctionToolCall>({
    id,
    type: type("function"),
    function: record<ChatCompletionMessageFunctionToolCall.Function>({
      name: id,
      arguments: args,
    }, ["name", "arguments"]),
  }, ["id", "type", "function"]),
  custom: record<ChatCompletionMessageCustomToolCall>({
    id,
    type: type("custom"),
    custom: record<ChatCompletionMessageCustomToolCall.Custom>({
      name: id,
      input: anyText,
    }, ["name", "input"]),
  }, ["id", "type", "custom"]),
});
const functionCall = record<ChatCompletionAssistantMessageParam.FunctionCall>({
  name: id,
  arguments: args,
}, ["name", "arguments"]);
const texts = fc.oneof(text, fc.array(textPart, { minLength: 1, maxLength: 3 }));

const system = record<ChatCompletionSystemMessageParam>({
  role: type("system"),
  content: texts,
  name: text,
}, ["role", "content"]);
const developer = record<ChatCompletionDeveloperMessageParam>({
  role: type("developer"),
  content: texts,
  name: text,
}, ["role", "content"]);
const user = record<ChatCompletionUserMessageParam>({
  role: type("user"),
  content: fc.oneof(text, fc.array(contentPart, { minLength: 1, maxLength: 4 })),
  name: text,
}, ["role", "content"]);
const assistant = record<ChatCompletionAssistantMessageParam>({
  role: type("assistant"),
  audio: orNull(record<ChatCompletionAssistantMessageParam.Audio>({ id }, ["id"])),
  content: orNull(fc.oneof(anyText, list(fc.oneof(textPart, refusalPart)))),
  function_call: orNull(functionCall),
  name: text,
  refusal: orNull(anyText),
  tool_calls: fc.array(toolCall, { minLength: 1, maxLength: 3 }),
}, ["role"]);
const tool = record<ChatCompletionToolMessageParam>({
  role: type("tool"),
  tool_call_id: id,
  content: fc.oneof(anyText, fc.array(textPart, { minLength: 1, maxLength: 3 })),
}, ["role", "content", "tool_call_id"]);
const oldFunction = record<ChatCompletionFunctionMessageParam>({
  role: type("function"),
  name: id,
  content: orNull(anyText),
}, ["role", "name", "content"]);

/** An answer as the API gives it, with what other servers that speak its format add. */
const answer = record<
  ChatCompletionMessage & { reasoning_content: string | null; reasoning_details: unknown[] }
>({
  role: type("assistant"),
  content: orNull(anyText),
  refusal: orNull(text),
  annotations: list(record<ChatCompletionMessage.Annotation>({
    type: type("url_citation"),
    url_citation: record<ChatCompletionMessage.Annotation.URLCitation>({
      start_index: count,
      end_index: count,
      title: text,
      url,
    }, ["start_index", "end_index", "title", "url"]),
  }, ["type", "url_citation"])),
  audio: orNull(
    record<NonNullable<ChatCompletionMessage["audio"]>>({
      id,
      data: base64,
      expires_at: count,
      transcript: text,
    }, ["id", "data", "expires_at", "transcript"]),
  ),
  function_call: functionCall,
  tool_calls: list(toolCall.map((call) => ({ ...call, extra_content: { google: { a: 1 } } }))),
  reasoning_content: orNull(text),
  reasoning_details: list(json),
}, ["role", "content", "refusal"]);

type Role = ChatCompletionMessageParam["role"];
const byRole: { [R in Role]: fc.Arbitrary<Extract<ChatCompletionMessageParam, { role: R }>> } = {
  system,
  developer,
  user,
  assistant,
  tool,
  function: oldFunction,
};

export const openaiMessage: fc.Arbitrary<object> = fc.oneof(...Object.values(byRole), answer);
