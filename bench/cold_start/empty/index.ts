/** A function that does nothing: what is left of a cold start without our modules. */
export default { fetch: () => new Response("ok") };
