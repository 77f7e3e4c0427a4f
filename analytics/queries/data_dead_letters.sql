-- What was refused, from whom and why?
-- source, center: only this one, '' for all. since, until: days on which they were produced in time_zone, '' for no
-- limit. unread: those that were no event, so that they are in no arrival.
SELECT
    ifNull(source, '') AS source, ifNull(center_id, '') AS center_id, code, count() AS letters,
    countIf(NOT diverted) AS unread
FROM
(
    SELECT source, center_id, code, diverted, toDate(ifNull(record_at, refused_at), {time_zone:String}) AS day
    FROM dead_letters
)
WHERE ({source:String} = '' OR source = {source:String}) AND ({center:String} = '' OR center_id = {center:String})
    AND ({since:String} = '' OR day >= toDateOrZero({since:String}))
    AND ({until:String} = '' OR day <= toDateOrZero({until:String}))
GROUP BY source, center_id, code
ORDER BY letters DESC, source, center_id, code
