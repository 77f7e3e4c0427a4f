-- What did each center add to a figure, and how much do its days and its orders differ?
-- with: figure_terms
-- A figure is the sum of x over the sum of d. The sums of products are over orders, those of days over days of close.
SELECT
    center_id,
    sum(of_day.orders) AS orders,
    count() AS days,
    sum(of_day.x) AS x,
    sum(of_day.d) AS d,
    sum(of_day.xx) AS xx,
    sum(of_day.xd) AS xd,
    sum(of_day.dd) AS dd,
    sum(of_day.x * of_day.x) AS days_xx,
    sum(of_day.x * of_day.d) AS days_xd,
    sum(of_day.d * of_day.d) AS days_dd
FROM
(
    SELECT
        v.center_id AS center_id,
        v.day AS day,
        count() AS orders,
        sum(v.x) AS x,
        sum(v.d) AS d,
        sum(v.x * v.x) AS xx,
        sum(v.x * v.d) AS xd,
        sum(v.d * v.d) AS dd
    FROM figure_terms AS v
    GROUP BY center_id, day
) AS of_day
GROUP BY center_id
ORDER BY center_id
