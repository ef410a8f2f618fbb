import type { ServerResponse } from 'node:http';
import { chatFault } from './chat-rules.js';
import { completionOf, textOf } from './chat.js';
import { streamChat } from './chat-stream.js';
import { assertPublished, requestFault } from './check.js';
import { completionsFault, streamCompletion, textCompletionOf } from './completions.js';
import { embeddingsFault, embeddingsOf } from './embeddings.js';
import { imagesFault, imagesOf, streamImage } from './images.js';
import type { Refusal } from './refusal.js';
import { json } from './wire.js';

/** What the fake answers to one of OpenAI's routes. */
export interface Route {
  /** Name of its request in the published schema. */
  request: string;
  /** What is wrong with a request beyond its fields. */
  fault: (body: any) => Refusal | null;
  /** @param text the answer to a chat */
  answer: (response: ServerResponse, body: any, text: string) => Promise<void> | void;
}

export const ROUTES: Record<string, Route> = {
  '/v1/chat/completions': {
    request: 'ChatCompletionCreateParamsBase',
    fault: chatFault,
    answer: (response, body, text) => {
      const whole = completionOf(body, text);
      assertPublished('ChatCompletion', whole);
      return body.stream ? streamChat(response, body, whole) : json(response, 200, whole);
    },
  },
  '/v1/completions': {
    request: 'CompletionCreateParamsBase',
    fault: completionsFault,
    answer: (response, body) => {
      const whole = textCompletionOf(body);
      assertPublished('Completion', whole);
      return body.stream ? streamCompletion(response, body, whole) : json(response, 200, whole);
    },
  },
  '/v1/embeddings': {
    request: 'EmbeddingCreateParams',
    fault: embeddingsFault,
    answer: (response, body) => {
      const whole = embeddingsOf(body);
      // The published type knows floats only.
      if (body.encoding_format !== 'base64') assertPublished('CreateEmbeddingResponse', whole);
      json(response, 200, whole);
    },
  },
  '/v1/images/generations': {
    request: 'ImageGenerateParamsBase',
    fault: imagesFault,
    answer: (response, body) => {
      if (body.stream) return streamImage(response, body);
      const whole = imagesOf(body, `http://${response.req.headers.host!}/files/pixel.png`);
      assertPublished('ImagesResponse', whole);
      return json(response, 200, whole);
    },
  },
};

/** The first thing that OpenAI would refuse. */
export const faultOf = (route: Route, body: any): Refusal | null => requestFault(route.request, body) ?? route.fault(body);

/** A lenient server reads what it knows, and ignores a request's other fields when it does not understand them. */
export const understood = (route: Route, body: any): any => (faultOf(route, body)
  ? { model: body.model, messages: body.messages, prompt: textOf(body.prompt), input: body.input ?? '', stream: body.stream, stream_options: body.stream_options } : body);
