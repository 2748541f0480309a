/** Contents of Gemini, as the types of its official package allow them. @module */

import type * as G from "@google/genai";
import fc from "fast-check";
import {
  anyText,
  base64,
  count,
  flag,
  id,
  jsonObject,
  list,
  record,
  text,
  url,
} from "./arbitrary.ts";

/** An enum of a package that is there for its types alone. */
function named<T extends string>(...names: `${T}`[]): fc.Arbitrary<T> {
  return fc.constantFrom(...names) as unknown as fc.Arbitrary<T>;
}

const processing = named<G.MediaProcessing>("STATIC", "AGENTIC");
const mimeType = fc.constantFrom("image/png", "audio/wav", "video/mp4", "application/pdf");
const responsePart = record<G.FunctionResponsePart>({
  inlineData: record<G.FunctionResponseBlob>({ data: base64, displayName: text, mimeType }, []),
  fileData: record<G.FunctionResponseFileData>({ fileUri: url, displayName: text, mimeType }, []),
  mediaProcessing: processing,
}, []);

const part = record<G.Part>({
  mediaResolution: record<G.PartMediaResolution>({
    level: named<G.PartMediaResolutionLevel>(
      "MEDIA_RESOLUTION_LOW",
      "MEDIA_RESOLUTION_ULTRA_HIGH",
    ),
    numTokens: count,
  }, []),
  toolCall: record<G.ToolCall>({
    id,
    toolType: named<G.ToolType>("GOOGLE_MAPS", "FILE_SEARCH"),
    args: jsonObject,
  }, []),
  toolResponse: record<G.ToolResponse>({
    id,
    toolType: named<G.ToolType>("GOOGLE_MAPS", "FILE_SEARCH"),
    response: jsonObject,
  }, []),
  audioTranscription: record<G.Transcription>({
    text: anyText,
    finished: flag,
    languageCode: text,
    speakerLabel: text,
    words: list(record<G.WordInfo>({ word: text, startOffset: text, endOffset: text }, [])),
    startOffset: text,
    endOffset: text,
  }, []),
  codeExecutionResult: record<G.CodeExecutionResult>({
    outcome: named<G.Outcome>("OUTCOME_OK", "OUTCOME_FAILED"),
    output: anyText,
    id,
  }, []),
  executableCode: record<G.ExecutableCode>({
    code: anyText,
    language: named<G.Language>("PYTHON"),
    id,
  }, []),
  fileData: record<G.FileData>({ displayName: text, fileUri: url, mimeType }, ["fileUri"]),
  functionCall: record<G.FunctionCall>({
    args: jsonObject,
    id,
    name: id,
    partialArgs: list(record<G.PartialArg>({
      boolValue: flag,
      jsonPath: text,
      nullValue: fc.constant("NULL_VALUE"),
      numberValue: count,
      stringValue: text,
      willContinue: flag,
    }, [])),
    willContinue: flag,
  }, ["name"]),
  functionResponse: record<G.FunctionResponse>({
    id,
    name: id,
    parts: list(responsePart),
    response: jsonObject,
    scheduling: named<G.FunctionResponseScheduling>("SILENT", "WHEN_IDLE"),
    willContinue: flag,
  }, ["name"]),
  inlineData: record<G.Blob>({ data: base64, displayName: text, mimeType }, ["data", "mimeType"]),
  text: anyText,
  thought: flag,
  thoughtSignature: base64,
  videoMetadata: record<G.VideoMetadata>({ endOffset: text, fps: count, startOffset: text }, []),
  partMetadata: jsonObject,
  mediaProcessing: processing,
  speechMetadata: record<G.SpeechMetadata>({ speaker: text, style: text }, []),
}, []);

/** One kind, as the API takes them, with what may stand beside any kind. */
const usual = fc.tuple(
  part,
  fc.constantFrom("text", "inlineData", "fileData", "functionCall", "functionResponse"),
  flag,
).map(([whole, kind, signed]) => {
  const { thought, thoughtSignature, [kind]: found } = { [kind]: undefined, ...whole };
  return {
    ...(found === undefined ? { text: "x" } : { [kind]: found }),
    ...(kind === "text" && thought !== undefined ? { thought } : {}),
    ...(signed && thoughtSignature !== undefined ? { thoughtSignature } : {}),
  };
});

export const geminiMessage: fc.Arbitrary<object> = record<G.Content>({
  role: fc.constantFrom("user", "model"),
  parts: fc.array(fc.oneof<fc.Arbitrary<G.Part>[]>(usual, usual, part), {
    minLength: 1,
    maxLength: 4,
  }),
}, []).filter(({ role, parts }) => role !== undefined && parts !== undefined);
