import CVector

#if canImport(Darwin)
  import Darwin
#else
  import Glibc
#endif

/// How many threads serve a caller who has not said, and who decided it.
public struct DefaultThreads: Sendable {
  public static let process = DefaultThreads()
  static let most = 1024

  public let count: Int
  /// "LRSWIFT_NUM_THREADS", "OMP_NUM_THREADS" (joblib and others set it in their workers), or "processors": those that
  /// this process may run on, and no more than its control group may use at once.
  public let source: String
  /// Of variables that cannot be followed; nil where all is well.
  public let complaint: String?

  init(
    _ variable: (String) -> String? = { name in getenv(name).map { String(cString: $0) } },
    allowed: Int = Int(cv_allowed_processors()), quota: Double? = controlGroupQuota(root: "/sys/fs/cgroup")
  ) {
    var complaints: [String] = []
    var found: (count: Int, source: String)?
    for (name, isList) in [("LRSWIFT_NUM_THREADS", false), ("OMP_NUM_THREADS", true)] {
      let text = variable(name).map(trimmed) ?? ""
      if text.isEmpty { continue }
      let parts =
        isList
        ? text.split(separator: ",", omittingEmptySubsequences: false).map { trimmed(String($0)) } : [text]
      let numbers = parts.compactMap { Int($0) }.filter { (1...DefaultThreads.most).contains($0) }
      if numbers.count == parts.count {
        found = (numbers[0], name)
        break
      }
      complaints.append(
        "\(name): got '\(text)'; allowed: a whole number from 1 to \(DefaultThreads.most)"
          + (isList ? ", or several with commas between, of which the first counts" : ""))
    }
    let processors = quota.map { max(1, min(allowed, Int($0.rounded(.up)))) } ?? max(1, allowed)
    (count, source) = found ?? (processors, "processors")
    let used = "; \(count) thread\(count == 1 ? "" : "s") instead"
    complaint = complaints.isEmpty ? nil : complaints.joined(separator: ". ") + used
  }
}

/// Without blanks and line ends at either end.
private func trimmed(_ text: String) -> String {
  func isBlank(_ byte: UInt8) -> Bool { byte == 0x20 || (0x09...0x0D).contains(byte) }
  let bytes = Array(text.utf8)
  guard let first = bytes.firstIndex(where: { !isBlank($0) }),
    let last = bytes.lastIndex(where: { !isBlank($0) })
  else { return "" }
  return String(decoding: bytes[first...last], as: UTF8.self)
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
