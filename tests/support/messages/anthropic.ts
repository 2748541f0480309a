/** Messages of Anthropic, as the types of its official package allow them. @module */

import type * as M from "@anthropic-ai/sdk/resources/messages/messages";
import fc from "fast-check";
import {
  anyText,
  base64,
  count,
  flag,
  id,
  json,
  kinds,
  list,
  orNull,
  record,
  text,
  url,
} from "./arbitrary.ts";

const type = fc.constant;

const cache_control = orNull(
  record<M.CacheControlEphemeral>({ type: type("ephemeral"), ttl: fc.constantFrom("5m", "1h") }, [
    "type",
  ]),
);
const cited = { cited_text: text, document_index: count, document_title: orNull(text) };
const citation = kinds<M.TextCitationParam>({
  char_location: record<M.CitationCharLocationParam>({
    ...cited,
    type: type("char_location"),
    start_char_index: count,
    end_char_index: count,
  }, [
    "type",
    "cited_text",
    "document_index",
    "document_title",
    "start_char_index",
    "end_char_index",
  ]),
  page_location: record<M.CitationPageLocationParam>({
    ...cited,
    type: type("page_location"),
    start_page_number: count,
    end_page_number: count,
  }, [
    "type",
    "cited_text",
    "document_index",
    "document_title",
    "start_page_number",
    "end_page_number",
  ]),
  content_block_location: record<M.CitationContentBlockLocationParam>({
    ...cited,
    type: type("content_block_location"),
    start_block_index: count,
    end_block_index: count,
  }, [
    "type",
    "cited_text",
    "document_index",
    "document_title",
    "start_block_index",
    "end_block_index",
  ]),
  web_search_result_location: record<M.CitationWebSearchResultLocationParam>({
    type: type("web_search_result_location"),
    cited_text: text,
    encrypted_index: base64,
    title: orNull(text),
    url,
  }, ["type", "cited_text", "encrypted_index", "title", "url"]),
  search_result_location: record<M.CitationSearchResultLocationParam>({
    type: type("search_result_location"),
    cited_text: text,
    start_block_index: count,
    end_block_index: count,
    search_result_index: count,
    source: text,
    title: orNull(text),
  }, [
    "type",
    "cited_text",
    "start_block_index",
    "end_block_index",
    "search_result_index",
    "source",
    "title",
  ]),
});
const textBlock = record<M.TextBlockParam>({
  type: type("text"),
  text: anyText,
  cache_control,
  citations: orNull(list(citation)),
}, ["type", "text"]);

const image = record<M.ImageBlockParam>({
  type: type("image"),
  source: kinds<M.ImageBlockParam["source"]>({
    base64: record<M.Base64ImageSource>({
      type: type("base64"),
      media_type: fc.constantFrom("image/jpeg", "image/png", "image/gif", "image/webp"),
      data: base64,
    }, ["type", "media_type", "data"]),
    url: record<M.URLImageSource>({ type: type("url"), url }, ["type", "url"]),
    file: record<M.FileImageSource>({ type: type("file"), file_id: id }, ["type", "file_id"]),
  }),
  cache_control,
  transformations: orNull(
    record<M.ImageTransformationsParam>({
      oversized_image: fc.constantFrom("downsize", "error"),
    }, []),
  ),
}, ["type", "source"]);
const citations = record<M.CitationsConfigParam>({ enabled: flag }, []);
const document = record<M.DocumentBlockParam>({
  type: type("document"),
  source: kinds<M.DocumentBlockParam["source"]>({
    base64: record<M.Base64PDFSource>({
      type: type("base64"),
      media_type: type("application/pdf"),
      data: base64,
    }, ["type", "media_type", "data"]),
    text: record<M.PlainTextSource>({
      type: type("text"),
      media_type: type("text/plain"),
      data: anyText,
    }, ["type", "media_type", "data"]),
    content: record<M.ContentBlockSource>({
      type: type("content"),
      content: fc.oneof(anyText, list(fc.oneof(textBlock, image))),
    }, ["type", "content"]),
    url: record<M.URLPDFSource>({ type: type("url"), url }, ["type", "url"]),
    file: record<M.FileDocumentSource>({ type: type("file"), file_id: id }, ["type", "file_id"]),
  }),
  cache_control,
  citations: orNull(citations),
  context: orNull(anyText),
  title: orNull(anyText),
}, ["type", "source"]);
const searchResult = record<M.SearchResultBlockParam>({
  type: type("search_result"),
  content: list(textBlock),
  source: url,
  title: anyText,
  cache_control,
  citations,
}, ["type", "content", "source", "title"]);
const reference = record<M.ToolReferenceBlockParam>({
  type: type("tool_reference"),
  tool_name: id,
  cache_control,
}, ["type", "tool_name"]);
const browserState = record<M.BrowserStateBlockParam>({
  type: type("browser_state"),
  tabs: list(record<M.BrowserStateTabEntry>({ tab_id: id, title: text, url, active: flag }, [
    "tab_id",
    "title",
    "url",
  ])),
  cache_control,
  state_changes: orNull(list(kinds<M.BrowserStateChange>({
    tab_opened: record<M.BrowserStateChangeTabOpened>({ type: type("tab_opened"), tab_id: id }, [
      "type",
      "tab_id",
    ]),
    download_started: record<M.BrowserStateChangeDownloadStarted>({
      type: type("download_started"),
      download_id: id,
      url,
    }, ["type", "download_id", "url"]),
    download_completed: record<M.BrowserStateChangeDownloadCompleted>({
      type: type("download_completed"),
      download_id: id,
      url,
      path: orNull(text),
      size_bytes: orNull(count),
    }, ["type", "download_id", "url"]),
    download_failed: record<M.BrowserStateChangeDownloadFailed>({
      type: type("download_failed"),
      download_id: id,
      url,
      error: orNull(text),
    }, ["type", "download_id", "url"]),
  }))),
}, ["type", "tabs"]);

const caller = kinds<NonNullable<M.ToolUseBlockParam["caller"]>>({
  direct: record<M.DirectCaller>({ type: type("direct") }, ["type"]),
  code_execution_20250825: record<M.ServerToolCaller>({
    type: type("code_execution_20250825"),
    tool_id: id,
  }, ["type", "tool_id"]),
  code_execution_20260120: record<M.ServerToolCaller20260120>({
    type: type("code_execution_20260120"),
    tool_id: id,
  }, ["type", "tool_id"]),
});

/** A result of a server's tool: what is common to all of them. */
const found = { tool_use_id: id, cache_control };
const outputs = { return_code: count, stderr: anyText };

const blocks: { [K in M.ContentBlockParam["type"]]: fc.Arbitrary<M.ContentBlockParam> } = {
  text: textBlock,
  image,
  document,
  search_result: searchResult,
  thinking: record<M.ThinkingBlockParam>({
    type: type("thinking"),
    thinking: anyText,
    signature: fc.oneof(base64, type("")),
  }, ["type", "thinking", "signature"]),
  redacted_thinking: record<M.RedactedThinkingBlockParam>({
    type: type("redacted_thinking"),
    data: base64,
  }, ["type", "data"]),
  tool_use: record<M.ToolUseBlockParam>({
    type: type("tool_use"),
    id,
    name: id,
    input: json,
    cache_control,
    caller,
    toolset_name: orNull(id),
    // `unknown` looks optional, and is not.
  }, ["type", "id", "name", "input"]),
  tool_result: record<M.ToolResultBlockParam>({
    type: type("tool_result"),
    tool_use_id: id,
    cache_control,
    content: fc.oneof(
      anyText,
      list(fc.oneof(textBlock, textBlock, image, searchResult, document, reference, browserState)),
    ),
    is_error: flag,
    toolset_name: orNull(id),
  }, ["type", "tool_use_id"]),
  server_tool_use: record<M.ServerToolUseBlockParam>({
    type: type("server_tool_use"),
    id,
    name: fc.constantFrom(
      "web_search",
      "web_fetch",
      "code_execution",
      "bash_code_execution",
      "text_editor_code_execution",
      "tool_search_tool_regex",
      "tool_search_tool_bm25",
    ),
    input: json,
    cache_control,
    caller,
  }, ["type", "id", "name", "input"]),
  web_search_tool_result: record<M.WebSearchToolResultBlockParam>({
    ...found,
    type: type("web_search_tool_result"),
    caller,
    content: fc.oneof(
      list(record<M.WebSearchResultBlockParam>({
        type: type("web_search_result"),
        encrypted_content: base64,
        title: text,
        url,
        page_age: orNull(text),
      }, ["type", "encrypted_content", "title", "url"])),
      record<M.WebSearchToolRequestErrorObject>({
        type: type("web_search_tool_result_error"),
        error_code: fc.constantFrom(
          "invalid_tool_input",
          "unavailable",
          "max_uses_exceeded",
          "too_many_requests",
          "query_too_long",
          "request_too_large",
        ),
      }, ["type", "error_code"]),
    ),
  }, ["type", "content", "tool_use_id"]),
  web_fetch_tool_result: record<M.WebFetchToolResultBlockParam>({
    ...found,
    type: type("web_fetch_tool_result"),
    caller,
    content: fc.oneof(
      record<M.WebFetchBlockParam>({
        type: type("web_fetch_result"),
        content: document,
        url,
        retrieved_at: orNull(text),
      }, ["type", "content", "url"]),
      record<M.WebFetchToolResultErrorBlockParam>({
        type: type("web_fetch_tool_result_error"),
        error_code: fc.constantFrom("unavailable", "url_too_long"),
      }, ["type", "error_code"]),
    ),
  }, ["type", "content", "tool_use_id"]),
  code_execution_tool_result: record<M.CodeExecutionToolResultBlockParam>({
    ...found,
    type: type("code_execution_tool_result"),
    content: kinds<M.CodeExecutionToolResultBlockParamContent>({
      code_execution_tool_result_error: record<M.CodeExecutionToolResultErrorParam>({
        type: type("code_execution_tool_result_error"),
        error_code: type("unavailable"),
      }, ["type", "error_code"]),
      code_execution_result: record<M.CodeExecutionResultBlockParam>({
        ...outputs,
        type: type("code_execution_result"),
        stdout: anyText,
        content: list(record<M.CodeExecutionOutputBlockParam>({
          type: type("code_execution_output"),
          file_id: id,
        }, ["type", "file_id"])),
      }, ["type", "content", "return_code", "stderr", "stdout"]),
      encrypted_code_execution_result: record<M.EncryptedCodeExecutionResultBlockParam>({
        ...outputs,
        type: type("encrypted_code_execution_result"),
        encrypted_stdout: base64,
        content: type([]),
      }, ["type", "content", "return_code", "stderr", "encrypted_stdout"]),
    }),
  }, ["type", "content", "tool_use_id"]),
  bash_code_execution_tool_result: record<M.BashCodeExecutionToolResultBlockParam>({
    ...found,
    type: type("bash_code_execution_tool_result"),
    content: kinds<M.BashCodeExecutionToolResultBlockParam["content"]>({
      bash_code_execution_tool_result_error: record<M.BashCodeExecutionToolResultErrorParam>({
        type: type("bash_code_execution_tool_result_error"),
        error_code: type("unavailable"),
      }, ["type", "error_code"]),
      bash_code_execution_result: record<M.BashCodeExecutionResultBlockParam>({
        ...outputs,
        type: type("bash_code_execution_result"),
        stdout: anyText,
        content: list(record<M.BashCodeExecutionOutputBlockParam>({
          type: type("bash_code_execution_output"),
          file_id: id,
        }, ["type", "file_id"])),
      }, ["type", "content", "return_code", "stderr", "stdout"]),
    }),
  }, ["type", "content", "tool_use_id"]),
  text_editor_code_execution_tool_result: record<M.TextEditorCodeExecutionToolResultBlockParam>({
    ...found,
    type: type("text_editor_code_execution_tool_result"),
    content: kinds<M.TextEditorCodeExecutionToolResultBlockParam["content"]>({
      text_editor_code_execution_tool_result_error: record<
        M.TextEditorCodeExecutionToolResultErrorParam
      >({
        type: type("text_editor_code_execution_tool_result_error"),
        error_code: type("file_not_found"),
        error_message: orNull(text),
      }, ["type", "error_code"]),
      text_editor_code_execution_view_result: record<
        M.TextEditorCodeExecutionViewResultBlockParam
      >({
        type: type("text_editor_code_execution_view_result"),
        content: anyText,
        file_type: fc.constantFrom("text", "image", "pdf"),
        num_lines: orNull(count),
        start_line: orNull(count),
        total_lines: orNull(count),
      }, ["type", "content", "file_type"]),
      text_editor_code_execution_create_result: record<
        M.TextEditorCodeExecutionCreateResultBlockParam
      >({
        type: type("text_editor_code_execution_create_result"),
        is_file_update: flag,
      }, ["type", "is_file_update"]),
      text_editor_code_execution_str_replace_result: record<
        M.TextEditorCodeExecutionStrReplaceResultBlockParam
      >({
        type: type("text_editor_code_execution_str_replace_result"),
        lines: orNull(list(text)),
        new_lines: orNull(count),
        new_start: orNull(count),
        old_lines: orNull(count),
        old_start: orNull(count),
      }, ["type"]),
    }),
  }, ["type", "content", "tool_use_id"]),
  tool_search_tool_result: record<M.ToolSearchToolResultBlockParam>({
    ...found,
    type: type("tool_search_tool_result"),
    content: kinds<M.ToolSearchToolResultBlockParam["content"]>({
      tool_search_tool_result_error: record<M.ToolSearchToolResultErrorParam>({
        type: type("tool_search_tool_result_error"),
        error_code: type("unavailable"),
        error_message: orNull(text),
      }, ["type", "error_code"]),
      tool_search_tool_search_result: record<M.ToolSearchToolSearchResultBlockParam>({
        type: type("tool_search_tool_search_result"),
        tool_references: list(reference),
      }, ["type", "tool_references"]),
    }),
  }, ["type", "content", "tool_use_id"]),
  container_upload: record<M.ContainerUploadBlockParam>({
    type: type("container_upload"),
    file_id: id,
    cache_control,
  }, ["type", "file_id"]),
};

const content = fc.oneof(
  { arbitrary: text, weight: 1 },
  {
    arbitrary: fc.array(fc.oneof(...Object.values(blocks)), { minLength: 1, maxLength: 4 }),
    weight: 6,
  },
);

const byRole: {
  [R in M.MessageParam["role"]]: fc.Arbitrary<Extract<M.MessageParam, { role: R }>>;
} = {
  user: record<M.UserMessageParam>({ role: type("user"), content }, ["role", "content"]),
  assistant: record<M.AssistantMessageParam>({ role: type("assistant"), content }, [
    "role",
    "content",
  ]),
  system: record<M.SystemMessageParam>({
    role: type("system"),
    content: fc.oneof(text, fc.array(textBlock, { minLength: 1, maxLength: 3 })),
  }, ["role", "content"]),
};

export const anthropicMessage: fc.Arbitrary<object> = fc.oneof(
  { arbitrary: byRole.user, weight: 5 },
  { arbitrary: byRole.assistant, weight: 5 },
  { arbitrary: byRole.system, weight: 1 },
);
