-- What did the staff answer in each round of its survey, by role?
-- since, until: days of the answers in time_zone, both included, '' for no limit. role: NULL for all of a round.
SELECT
    round,
    if(grouping(answer.role) = 1, NULL, toNullable(answer.role)) AS role,
    count() AS n,
    uniqExact(center_id) AS centers,
    avg(score) AS mean,
    stddevSampOrNull(score) AS deviation,
    min(occurred_at) AS first_answer_at
FROM staff_surveys AS answer
WHERE ({since:String} = '' OR toDate(occurred_at, {time_zone:String}) >= toDateOrZero({since:String}))
    AND ({until:String} = '' OR toDate(occurred_at, {time_zone:String}) <= toDateOrZero({until:String}))
GROUP BY GROUPING SETS ((round), (round, answer.role))
ORDER BY round, isNotNull(role), role
