/**
 * CORS as the platform's gateway adds it for the REST and auth APIs. Functions answer for themselves.
 *
 * @module
 */

/** The answer to a preflight request, `null` for any other request. */
export function preflight(request: Request): Response | null {
  const asksFor = request.headers.get("access-control-request-method");
  if (request.method !== "OPTIONS" || asksFor === null) return null;
  return new Response(null, {
    status: 200,
    headers: {
      "access-control-allow-origin": "*",
      "access-control-allow-methods": "GET,HEAD,PUT,PATCH,POST,DELETE,OPTIONS",
      "access-control-allow-headers": request.headers.get("access-control-request-headers") ?? "*",
      "access-control-max-age": "3600",
    },
  });
}

/** Lets any page read the answer. */
export function withCors(response: Response): Response {
  const headers = new Headers(response.headers);
  headers.set("access-control-allow-origin", "*");
  headers.set(
    "access-control-expose-headers",
    "Content-Range, Content-Location, Location, Link, X-Total-Count, X-Sb-Error-Code, Sb-Gateway-Version",
  );
  headers.delete("access-control-allow-credentials");
  return new Response(response.body, { status: response.status, headers });
}
