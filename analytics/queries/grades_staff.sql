-- Which grade had each employee, and from when on?
SELECT center_id, staff_key, grade, toUnixTimestamp64Milli(from_at) AS from_ms
FROM staff_grades
ORDER BY center_id, staff_key, from_at
