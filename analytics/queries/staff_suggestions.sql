-- What became of each suggestion of the staff, and after how many days?
-- since, until: days on which it was submitted (or first heard of) in time_zone, both included, '' for no limit.
SELECT
    center_id,
    suggestion_id,
    role,
    phase,
    submitted_at,
    answered_at,
    accepted_at,
    adopted_at,
    rewarded_at,
    declined_at
FROM suggestions
WHERE ({since:String} = ''
        OR toDate(ifNull(submitted_at, answered_at), {time_zone:String}) >= toDateOrZero({since:String}))
    AND ({until:String} = ''
        OR toDate(ifNull(submitted_at, answered_at), {time_zone:String}) <= toDateOrZero({until:String}))
ORDER BY center_id, suggestion_id
