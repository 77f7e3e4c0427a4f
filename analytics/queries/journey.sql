-- How many finished visits are there, and how long were they together?
-- with: visits
-- Of handed-off orders with a check-in.
SELECT count() AS orders, sum(lead_s) AS total_s
FROM visits
WHERE is_handed_off AND isNotNull(lead_s)
