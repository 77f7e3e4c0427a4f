-- Which records were refused in these days, and so are in no figure?
-- since, until: days of the record in time_zone, both included, '' for no limit.
SELECT
    code,
    count() AS records,
    countIf(diverted) AS diverted,
    max(refused_at) AS newest
FROM
(
    SELECT *, toDate(ifNull(record_at, refused_at), {time_zone:String}) AS day
    FROM dead_letters
)
WHERE ({since:String} = '' OR day >= toDateOrZero({since:String}))
    AND ({until:String} = '' OR day <= toDateOrZero({until:String}))
GROUP BY code
ORDER BY records DESC, code
