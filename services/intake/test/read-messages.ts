/** The server-sent events of a response, without the heartbeats. */
export interface ReadMessage {
  readonly id: number | null;
  readonly event: string;
  readonly data: unknown;
}

export async function* readMessages(response: Response): AsyncGenerator<ReadMessage, void, void> {
  if (response.status !== 200 || response.body === null)
    throw new Error(`${response.status}: ${await response.text()}`);
  let text = '';
  for await (const chunk of response.body.pipeThrough(new TextDecoderStream())) {
    text += chunk;
    for (let at = text.indexOf('\n\n'); at !== -1; at = text.indexOf('\n\n')) {
      const block = text.slice(0, at);
      text = text.slice(at + 2);
      if (!block.startsWith(':')) yield parse(block);
    }
  }
}

function parse(block: string): ReadMessage {
  const fields = new Map(
    block.split('\n').map((line) => [line.slice(0, line.indexOf(':')), line.slice(line.indexOf(':') + 2)]),
  );
  const id = fields.get('id');
  return {
    id: id === undefined ? null : Number(id),
    event: fields.get('event') ?? '',
    data: JSON.parse(fields.get('data') ?? ''),
  };
}
