-- What the app adds later, in the way it always has: without a grant, for its default privileges give all.

create table public.members (
  room_id bigint not null references public.rooms (id) on delete cascade,
  user_id uuid not null references auth.users (id) on delete cascade,
  primary key (room_id, user_id)
);
comment on table public.members is 'Of the app';
create index members_user_id on public.members (user_id);
alter table public.members enable row level security;

-- A helper of policies: whoever reads the table has to be able to execute it.
create function private.is_member(p_room_id bigint)
returns boolean
language sql
stable
security definer
set search_path = ''
as $$
  select exists (
    select 1 from public.members as m where m.room_id = p_room_id and m.user_id = (select auth.uid())
  );
$$;

create policy "Members see each other" on public.members for select to authenticated
  using (private.is_member(room_id));
