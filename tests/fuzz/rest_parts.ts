/** Parts of a request to the REST API: good ones, and what a database, a planner or a parser may stumble over. @module */

const lines = (text: string) =>
  text.split("\n").map((line) => line.trim()).filter((line) => line !== "");

/** Which rows: one's own, others', all. */
export const FILTERS = [
  "",
  ...lines(`
    id=eq.{own}
    id=eq.{own}
    id=eq.{own}
    id=eq.{own2}
    id=eq.{foreign}
    id=eq.{gone}
    id=in.({own},{foreign})
    or=(id.eq.{own},id.eq.{foreign})
    user_id=eq.{other}
    id=not.is.null
    limit=1
    id=gt.00000000-0000-0000-0000-000000000000
    status=eq.active
    status=neq.active
    and=(id.eq.{own},or(pinned.is.true,pinned.is.false))
    not.and=(id.eq.{own},ttl.is.null)
    user_id=eq.{me}&title=not.is.null
    id=eq.{own}&metadata->a->0->>b=gt.1
    id=eq.{own}&metadata->>__proto__=is.null
    id=eq.{own}&metadata=eq.{"a":1e400}
    metadata=cs.{}
    title=fts.a
    title=imatch.(
    title=match.(a{1,255}){1,255}
    title=match.(.*)(.*)(.*)\\1\\2\\3b
    title=like.*a*a*a*a*a*
    id=eq.{own}&ttl=lt.infinity
    ttl=gt.1000 years
    expires_at=lt.infinity
    expires_at=gt.now
    message_count=gte.2147483648
    message_count=in.(1,2,x)
    pinned=is.unknown
    id=eq.x
    id=in.()
    id=eq.{own}&id=eq.{foreign}
    id=any.{own}
    or=()
    a=b
    user_id=is.null
    acontext_disk_id=eq.{foreign}
    created_at=gte.294276-01-01
    id=isdistinct.{own}
  `),
  `id=in.(${Array(150).fill("{own}").join(",")})`,
  `and=(${"and(".repeat(100)}id.eq.{own}${")".repeat(100)})`,
];

/** What comes back of them, and how. */
export const SHAPES = [
  ...["", "", ""],
  ...lines(`
    &select=id
    &select=*
    &order=last_activity_at.desc,id&limit=2
    &select=id,ttl::text
    &select=metadata->a->b,metadata->>c
    &select=x:metadata,y:metadata
    &order=metadata.desc.nullslast
    &select=count()
    &select=message_count.sum()
    &select=*,session_mappings(*)
    &select=*,users(*)
    &offset=1000000000
    &limit=-1
    &limit=0
    &select=user_id::int
    &select=metadata::bytea
    &order=x
    &columns=title
    &columns=user_id,status
    &on_conflict=id
    &on_conflict=title
    &select=id::regclass
  `),
];

export const PREFERENCES = [
  ...["", "", ""],
  ...lines(`
    return=representation
    return=minimal
    return=headers-only
    tx=rollback
    handling=strict
    count=exact
    count=planned
    count=estimated
    missing=default
    resolution=merge-duplicates
    return=representation,count=exact
    resolution=ignore-duplicates,return=representation
    max-affected=1
    handling=strict,max-affected=0
    timezone=Pacific/Auckland
    timezone=x
    params=single-object
  `),
];

export const ACCEPTED = [
  ...["", "", ""],
  ...lines(`
    application/vnd.pgrst.object+json
    text/csv
    application/geo+json
    x/y
  `),
];
