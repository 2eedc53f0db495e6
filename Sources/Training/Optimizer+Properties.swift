import Adaptation
import Kernels
import Vocabulary

/// Single numbers by name, for the ABI.
extension Optimizer {
  public func property(_ key: String) throws -> Double {
    switch key {
    case "step": return Double(stepCount)
    case "skipped_steps": return Double(skippedSteps)
    case "max_skipped": return Double(maxSkipped)
    case "steps_per_epoch": return stepsPerEpoch
    case "scope": return Double(scope.rawValue)
    case "rollbacks": return Double(safeguard?.policy.rollbacks ?? 0)
    case "rate_scale": return rateScale
    case "guard": return Double((safeguard?.policy.mode ?? .off).rawValue)
    case "explode": return safeguard?.policy.explode ?? .infinity
    case "guard_every": return Double(safeguard?.policy.every ?? 0)
    case "guard_buffers": return Double(safeguard?.buffers.count ?? 0)
    case "validates": return validates ? 1 : 0
    case "probes": return machineType.probes ? 1 : 0
    case "evaluating": return isEvaluating ? 1 : 0
    case "found": return search?.found ?? (machines.first as? PeriodicALRS)?.found ?? .nan
    case "searching": return isSearching ? 1 : 0
    default:
      guard let value = searchProperty(key, of: search) else {
        throw Failure.value("an optimizer has no '\(key)'")
      }
      return value
    }
  }

  public func setProperty(_ key: String, _ value: Double) throws {
    switch key {
    case "max_skipped":
      guard Bounds.count.contains(value) else {
        throw Failure.value("max_skipped must be \(Bounds.count), got \(value)")
      }
      maxSkipped = Int(value)
    case "guard_every":
      guard Bounds.count.contains(value) else {
        throw Failure.value("guard: every must be \(Bounds.count), got \(value)")
      }
      safeguard?.policy.every = Int(value)
    case "steps_per_epoch":
      guard Bounds.count.contains(value) else {
        throw Failure.value("steps_per_epoch must be \(Bounds.count), got \(value)")
      }
      stepsPerEpoch = value
    case "evaluating":
      if averagesPoints { try checkFree(value == 0 ? "train" : "eval") }
      try setEvaluating(value != 0)
    case "found": try setFound(value)
    case "run_steps": try beginRun(steps: value)
    case "finish": try finishRun(steps: value)
    default: throw Failure.value("'\(key)' of an optimizer cannot be set")
    }
  }

  /// The end of a search for the rate.
  private func setFound(_ value: Double) throws {
    guard pending == nil else { throw Failure.value("found: a step is in progress") }
    for (i, machine) in machines.enumerated() {
      guard var periodic = machine as? PeriodicALRS else {
        throw Failure.type("found: \(machineType.card.title) searches for no rate")
      }
      try periodic.set(found: value)
      machines[i] = periodic
    }
    // what `rates` gives before the first step
    guard stepCount == 0, let periodic = machines.first as? PeriodicALRS else { return }
    for slot in slots {
      slot.rate = periodic.currentRate * (try groups[slot.group].schedule?.finiteValue(0) ?? 1)
    }
  }
}
