-- Purpose: owners may change the lifetime of their sessions, not only choose it at creation.
-- Risk: none; ttl_in_range keeps the limits and stamp_session the expiry. Pinning could already prolong a life for ever.

grant update (ttl) on public.session_mappings to authenticated;
