import CVector
import Glibc

/// How many threads serve a caller who has not said: LRSWIFT_NUM_THREADS where it is a number of at least 1, else the
/// processors that this process may run on, and no more than its control group may use at once.
func defaultThreads(
  variable: String? = getenv("LRSWIFT_NUM_THREADS").map { String(cString: $0) },
  allowed: Int = Int(cv_allowed_processors()), quota: Double? = controlGroupQuota(root: "/sys/fs/cgroup")
) -> Int {
  if let variable, let chosen = Int(variable), chosen >= 1 { return min(chosen, 1024) }
  guard let quota else { return max(1, allowed) }
  return max(1, min(allowed, Int(quota.rounded(.up))))
}

/// Processors' worth of time that the control group grants, version 2 or 1; nil where there is no limit.
func controlGroupQuota(root: String) -> Double? {
  func words(_ path: String) -> [Substring] { firstLine(root + path)?.split(separator: " ") ?? [] }
  let limit = words("/cpu.max")
  if limit.count == 2 { return ratio(limit[0], limit[1]) }
  guard let quota = words("/cpu/cpu.cfs_quota_us").first, let period = words("/cpu/cpu.cfs_period_us").first
  else { return nil }
  return ratio(quota, period)
}

/// nil for "max" and -1, which mean no limit.
private func ratio(_ quota: Substring, _ period: Substring) -> Double? {
  guard let quota = Double(quota), let period = Double(period), quota > 0, period > 0 else { return nil }
  return quota / period
}

private func firstLine(_ path: String) -> String? {
  guard let file = fopen(path, "r") else { return nil }
  defer { fclose(file) }
  var line = [CChar](repeating: 0, count: 128)
  guard fgets(&line, Int32(line.count), file) != nil else { return nil }
  return String(cString: line).split(separator: "\n").first.map(String.init)
}
