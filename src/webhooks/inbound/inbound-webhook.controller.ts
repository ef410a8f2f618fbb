import { Controller, HttpCode, Param, Post, type RawBodyRequest, Req } from '@nestjs/common';
import { ApiBody, ApiHeader, ApiOkResponse, ApiOperation } from '@nestjs/swagger';
import type { FastifyRequest } from 'fastify';
import { Public } from '../../auth/request-context.guard.js';
import { InboundWebhookService } from './inbound-webhook.service.js';

/** Webhooks in: a signature stands in for an API key. */
@Public()
@Controller('v1/hooks')
export class InboundWebhookController {
  constructor(private readonly inbound: InboundWebhookService) {}

  @ApiOperation({ summary: 'Takes a webhook, signed as Standard Webhooks 1.0.0 says', description: 'The path is that of an inbound webhook (createInboundWebhook). A `webhook-id` that was taken before is answered alike and changes nothing. 401 when the signature does not verify, the time is more than five minutes off, or there is no such path.' })
  @ApiHeader({ name: 'webhook-id', required: true })
  @ApiHeader({ name: 'webhook-timestamp', required: true, description: 'Unix time, seconds' })
  @ApiHeader({ name: 'webhook-signature', required: true, description: '`v1,<base64>`, several separated by spaces' })
  @ApiBody({ schema: { type: 'object', additionalProperties: true } })
  @ApiOkResponse({ schema: { type: 'object', required: ['received'], properties: { received: { type: 'boolean' } } } })
  @Post(':provider/:id')
  @HttpCode(200)
  async receive(@Param('provider') provider: string, @Param('id') id: string, @Req() { headers, rawBody, body }: RawBodyRequest<FastifyRequest>) {
    await this.inbound.receive(provider, id, { headers, raw: rawBody, body });
    return { received: true };
  }
}
