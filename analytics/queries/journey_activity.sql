-- How long do visits stay in one activity?
-- with: visits
-- seconds: the column of the activity. One at a time: the values of ten million visits take the memory that a reader has.
-- Of handed-off orders with a check-in. Median, upper quartile and 90th percentile are over the orders that spent any
-- time there.
SELECT
    countIf({seconds:Identifier} > 0) AS had,
    sum({seconds:Identifier}) AS total_s,
    quantilesExactInclusiveIf(0.5, 0.75, 0.9)({seconds:Identifier}, {seconds:Identifier} > 0) AS quantiles
FROM visits
WHERE is_handed_off AND isNotNull(lead_s)
