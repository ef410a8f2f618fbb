/** A message of a conversation; `content` may be OpenAI's content parts. */
export interface ChatMessage {
  role: string;
  content: unknown;
}

/** OpenAI's chat completion request without its model; fields not named here are passed on. */
export interface ChatRequest {
  messages: ChatMessage[];
  n?: number;
  temperature?: number;
  max_tokens?: number;
  seed?: number;
  stream?: boolean;
  [field: string]: unknown;
}

/** OpenAI's chat completion, as far as the service reads it. */
export interface ChatResponse {
  id: string;
  model: string;
  choices: { index: number; message: { role: string; content: string | null }; finish_reason: string }[];
  usage: { prompt_tokens: number; completion_tokens: number; total_tokens: number };
}
