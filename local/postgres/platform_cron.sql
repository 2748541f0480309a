-- With the real pg_cron the platform's supautils lets postgres create the extension. Here the superuser does it
-- beforehand, with the grants the platform gives, and `create extension if not exists` finds it done.

create extension pg_cron with schema pg_catalog;
grant usage on schema cron to postgres with grant option;
grant all on all functions in schema cron to postgres with grant option;
grant all on all tables in schema cron to postgres with grant option;
revoke all on cron.job from postgres;
grant select on cron.job to postgres with grant option;
revoke trigger on cron.job_run_details from postgres;
