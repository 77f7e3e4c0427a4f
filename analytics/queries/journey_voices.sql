-- How do customers speak of visits that spent long in an activity, and how of all others?
-- with: visits
-- limits: from how many seconds on it was long, for each of
-- reception, diagnosis, approval, parts, bay, repair, quality, pickup, in this order.
-- Counted for each combination of the eight first; there are 256 of them, far fewer than visits.
SELECT
    sum(part.orders) AS orders,
    sum(part.scores) AS scores,
    sum(part.promoters) AS promoters,
    sum(part.detractors) AS detractors,
    sum(part.complaints) AS complaints_all,
    sumForEach(arrayMap(long -> long * part.orders, suffered)) AS orders_long,
    sumForEach(arrayMap(long -> long * part.scores, suffered)) AS scores_long,
    sumForEach(arrayMap(long -> long * part.promoters, suffered)) AS promoters_long,
    sumForEach(arrayMap(long -> long * part.detractors, suffered)) AS detractors_long,
    sumForEach(arrayMap(long -> long * part.complaints, suffered)) AS complaints_long
FROM
(
    SELECT
        toUInt8(ifNull(wait_reception_s > 0 AND wait_reception_s >= {limits:Array(Float64)}[1], 0)
            + 2 * ifNull(diagnosis_s > 0 AND diagnosis_s >= {limits:Array(Float64)}[2], 0)
            + 4 * ifNull(wait_approval_s > 0 AND wait_approval_s >= {limits:Array(Float64)}[3], 0)
            + 8 * ifNull(wait_parts_s > 0 AND wait_parts_s >= {limits:Array(Float64)}[4], 0)
            + 16 * ifNull(wait_bay_s > 0 AND wait_bay_s >= {limits:Array(Float64)}[5], 0)
            + 32 * ifNull(repair_s > 0 AND repair_s >= {limits:Array(Float64)}[6], 0)
            + 64 * ifNull(quality_s > 0 AND quality_s >= {limits:Array(Float64)}[7], 0)
            + 128 * ifNull(pickup_s > 0 AND pickup_s >= {limits:Array(Float64)}[8], 0)) AS long_in,
        arrayMap(place -> bitTest(long_in, place), range(8)) AS suffered,
        count() AS orders,
        countIf(isNotNull(score)) AS scores,
        countIf(score >= 9) AS promoters,
        countIf(score <= 6) AS detractors,
        sum(complaints) AS complaints
    FROM visits
    WHERE is_handed_off AND isNotNull(lead_s)
    GROUP BY long_in
) AS part
