/** Microseconds since 1970, strictly increasing, and how the server writes them. @module */

/**
 * A clock that never gives the same microsecond twice, so that rows made in one millisecond keep their order.
 *
 * @param now milliseconds since 1970, possibly with a fraction.
 */
export function createMicroClock(now: () => number): () => number {
  let last = 0;
  return () => {
    last = Math.max(last + 1, Math.floor(now() * 1000));
    return last;
  };
}

/** RFC 3339 with up to six fractional digits, trailing zeros dropped: `2026-04-01T10:00:00.12345Z`. */
export function formatTimestamp(micros: number): string {
  const seconds = Math.floor(micros / 1_000_000);
  const fraction = String(micros - seconds * 1_000_000).padStart(6, "0").replace(/0+$/, "");
  const date = new Date(seconds * 1000).toISOString().slice(0, 19);
  return fraction === "" ? `${date}Z` : `${date}.${fraction}Z`;
}
