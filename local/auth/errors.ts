/**
 * Errors of the auth stand-in, in the form supabase-js understands.
 *
 * @module
 */

/** Every error the stand-in answers: HTTP status and the platform's text. */
const ERRORS = {
  bad_json: [400, "Could not parse request body as JSON"],
  validation_failed: [400, "Invalid request"],
  invalid_credentials: [400, "Invalid login credentials"],
  email_not_confirmed: [400, "Email not confirmed"],
  user_banned: [400, "User is banned"],
  refresh_token_not_found: [400, "Invalid Refresh Token: Refresh Token Not Found"],
  refresh_token_already_used: [400, "Invalid Refresh Token: Already Used"],
  no_authorization: [401, "This endpoint requires a valid Bearer token"],
  bad_jwt: [403, "invalid JWT: unable to parse or verify signature"],
  not_admin: [403, "User not allowed"],
  session_not_found: [403, "Session from session_id claim in JWT does not exist"],
  user_not_found: [404, "User not found"],
  not_found: [404, "Not found"],
  user_already_exists: [422, "User already registered"],
  email_exists: [422, "A user with this email address has already been registered"],
  weak_password: [422, "Password is too weak"],
  signup_disabled: [422, "Signups not allowed for this instance"],
  anonymous_provider_disabled: [422, "Anonymous sign-ins are disabled"],
  over_request_rate_limit: [429, "Request rate limit reached"],
  unexpected_failure: [500, "Internal server error"],
} as const;

/** A refusal with the platform's code. */
export class AuthError extends Error {
  constructor(
    readonly code: keyof typeof ERRORS,
    message?: string,
    readonly details: Record<string, unknown> = {},
    readonly status: number = ERRORS[code][0],
  ) {
    super(message ?? ERRORS[code][1]);
    this.name = "AuthError";
  }

  /** The answer for a client. */
  toResponse(): Response {
    return Response.json(
      { code: this.status, error_code: this.code, msg: this.message, ...this.details },
      { status: this.status, headers: { "x-sb-error-code": this.code } },
    );
  }
}
