-- Since when does somebody take care of a quality warning, by what it is about?
SELECT subject, max(acknowledged_at) AS acknowledged_at
FROM alerts
WHERE kind = 'quality_warning' AND isNotNull(acknowledged_at)
GROUP BY subject
ORDER BY subject
