-- What the platform got here after data directories had been made that are still in use. Runs at every start, as the
-- superuser; so every statement can be repeated.

create table if not exists auth.mfa_amr_claims (
  session_id uuid not null references auth.sessions (id) on delete cascade,
  created_at timestamptz not null,
  updated_at timestamptz not null,
  authentication_method text not null,
  id uuid not null constraint amr_id_pk primary key,
  constraint mfa_amr_claims_session_id_authentication_method_pkey unique (session_id, authentication_method)
);
comment on table auth.mfa_amr_claims
  is 'auth: stores authenticator method reference claims for multi factor authentication';
alter table auth.mfa_amr_claims owner to supabase_auth_admin;
alter table auth.mfa_amr_claims enable row level security;
grant all on auth.mfa_amr_claims to postgres;
