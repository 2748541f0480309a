/** Servers that are not ours, where the schedule may get by mistake. @module */

export interface StrangeServer {
  url: string;
  close(): Promise<void>;
}

/** Answers everything in one way. */
export function answering(
  answer: (request: Request) => Response | Promise<Response>,
): StrangeServer {
  const server = Deno.serve({ hostname: "127.0.0.1", port: 0, onListen() {} }, answer);
  return {
    url: `http://127.0.0.1:${server.addr.port}`,
    close: () => server.shutdown(),
  };
}

/** Answers nothing until it is closed. `asked` resolves with the first request. */
export function hanging(): StrangeServer & { asked: Promise<void> } {
  const asked = Promise.withResolvers<void>();
  const closed = Promise.withResolvers<void>();
  const { url, close } = answering(async () => {
    asked.resolve();
    await closed.promise;
    return new Response();
  });
  return {
    url,
    asked: asked.promise,
    close() {
      closed.resolve();
      return close();
    },
  };
}
