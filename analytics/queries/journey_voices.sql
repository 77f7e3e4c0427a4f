-- How do customers speak of visits that spent long in an activity, and how of all others?
-- with: visits
-- limits: from how many seconds on it was long, for each of
-- reception, diagnosis, approval, parts, bay, repair, quality, pickup, in this order.
WITH
    {limits:Array(Float64)} AS longest,
    arrayMap(
        (seconds, most) -> seconds > 0 AND seconds >= most,
        [ifNull(wait_reception_s, 0), ifNull(diagnosis_s, 0), ifNull(wait_approval_s, 0), ifNull(wait_parts_s, 0),
         ifNull(wait_bay_s, 0), ifNull(repair_s, 0), ifNull(quality_s, 0), ifNull(pickup_s, 0)],
        longest) AS suffered
SELECT
    count() AS orders,
    countIf(isNotNull(score)) AS scores,
    countIf(score >= 9) AS promoters,
    countIf(score <= 6) AS detractors,
    sum(complaints) AS complaints_all,
    sumForEach(suffered) AS orders_long,
    sumForEachIf(suffered, isNotNull(score)) AS scores_long,
    sumForEachIf(suffered, score >= 9) AS promoters_long,
    sumForEachIf(suffered, score <= 6) AS detractors_long,
    sumForEach(arrayMap(long -> long * complaints, suffered)) AS complaints_long
FROM visits
WHERE is_handed_off AND isNotNull(lead_s)
