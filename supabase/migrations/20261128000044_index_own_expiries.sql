-- Purpose: finds what still expires where the expiry limit holds everything else back, which may be nearly all.
-- Risk: writes to session_mappings wait while the index is made, one read of the table.

create index session_mappings_by_own_expiry on public.session_mappings (expires_at)
where status = 'active' and ttl is not null;
