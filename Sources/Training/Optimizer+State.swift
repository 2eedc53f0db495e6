import Adaptation
import Autodiff
import Kernels
import Vocabulary

extension Optimizer {
  /// Everything that a resumed run needs, as named tensors; of a guard, all but what undoes the last step.
  public var state: [(name: String, value: Tensor)] {
    guard let numbers = safeguard?.numbers else { return trainingState }
    let tensor = Tensor(shape: [numbers.count], dtype: .float64)
    numbers.withUnsafeBytes { tensor.pointer.copyMemory(from: $0.baseAddress!, byteCount: $0.count) }
    return trainingState + [("guard", tensor)]
  }

  /// Parameters' vectors and step counts, and the rates' state.
  var trainingState: [(name: String, value: Tensor)] {
    var entries: [(name: String, value: Tensor)] = [
      ("step", number(Double(stepCount))), ("skipped_steps", number(Double(skippedSteps))),
    ]
    if averagesPoints { entries.append(("evaluating", number(isEvaluating ? 1 : 0))) }
    for (i, machine) in machines.enumerated() {
      for (name, value) in machine.state { entries.append(("rate.\(i).\(name)", number(value))) }
    }
    if validates { entries.append(("rate.hypergradient", number(hypergradient))) }
    for (i, tensor) in pooled.enumerated() {
      for (name, value) in tensor.state { entries.append(("rate.\(i + 1).\(name)", number(value))) }
    }
    for slot in slots {
      entries.append(("\(slot.name).step", number(Double(slot.steps))))
      entries.append(("\(slot.name).lr", number(slot.rate)))
      for (name, storage) in zip(slot.stateNames, slot.state) {
        entries.append(("\(slot.name).\(name)", vector(slot, storage)))
      }
      if machineType.usesPrevious, let direction = slot.direction {
        entries.append(("\(slot.name).previous_direction", vector(slot, direction)))
      }
      if let gradient = slot.previousGradient {
        entries.append(("\(slot.name).previous_gradient", vector(slot, gradient)))
      }
      if let start = slot.start { entries.append(("\(slot.name).start", vector(slot, start))) }
      if let point = slot.trainingPoint {
        entries.append(("\(slot.name).training_point", vector(slot, point)))
      }
      if let tangents = slot.tangents {
        entries.append(("\(slot.name).rate_tangent", vector(slot, tangents.parameter)))
        if let state = tangents.state {
          entries.append(("\(slot.name).momentum_tangent", vector(slot, state)))
        }
      }
      for (name, storage) in slot.epoch?.named ?? [] {
        entries.append(("\(slot.name).\(name)", vector(slot, storage)))
      }
      if let start = slot.window?.start { entries.append(("\(slot.name).window_start", vector(slot, start))) }
      if let gradient = slot.window?.gradient {
        entries.append(("\(slot.name).window_gradient", vector(slot, gradient)))
      }
    }
    return entries
  }

  /// Checks everything before anything changes. A guard that was on when the state was saved is on again.
  public func load(_ entries: [String: Tensor]) throws {
    let kept = entries["guard"]
    let entries = entries.filter { $0.key != "guard" }
    try check(entries)
    let restored = try kept.map { try Guard(numbers: numbers($0), buffers: safeguard?.buffers ?? []) }
    put(entries)
    if let restored { safeguard = restored } else { safeguard?.forget() }
  }

  private func numbers(_ tensor: Tensor) throws -> [Double] {
    guard tensor.dtype == .float64, tensor.rank == 1 else {
      throw Failure.shape(
        "load_state_dict: 'guard' must be a float64 vector, got \(describe(tensor.shape)) of \(tensor.dtype.name)"
      )
    }
    return (0..<tensor.count).map { tensor.pointer.load(fromByteOffset: 8 * $0, as: Double.self) }
  }

  private func check(_ entries: [String: Tensor]) throws {
    let present = Set(trainingState.map(\.name))
    let optional = Set(slots.flatMap { slot in Self.optionalVectors.map { "\(slot.name).\($0)" } })
    for name in present.subtracting(optional).sorted() where entries[name] == nil {
      throw Failure.value("load_state_dict: '\(name)' is missing")
    }
    for name in entries.keys.sorted() where !present.contains(name) && !optional.contains(name) {
      throw Failure.value("load_state_dict: '\(name)' does not belong to this optimizer")
    }
    for slot in slots {
      for name in slot.stateNames + Self.optionalVectors {
        guard let value = entries["\(slot.name).\(name)"] else { continue }
        guard value.shape == slot.tensor.shape, value.dtype == slot.tensor.dtype else {
          throw Failure.shape(
            "load_state_dict: '\(slot.name).\(name)' must have shape \(describe(slot.tensor.shape)) and dtype "
              + "\(slot.tensor.dtype.name), got \(describe(value.shape)) and \(value.dtype.name)")
        }
      }
    }
    for (name, value) in entries where isNumber(name) && value.count != 1 {
      throw Failure.shape(
        "load_state_dict: '\(name)' must be a single number, got shape \(describe(value.shape))")
    }
    for (name, value) in entries where isCount(name) && (wholeNumber(value.scalarValue) ?? -1) < 0 {
      throw Failure.value(
        "load_state_dict: '\(name)' must be a whole number of at least 0, got \(value.scalarValue)")
    }
  }

  /// Takes over what `trainingState` has given.
  func put(_ entries: [String: Tensor]) {
    stepCount = wholeNumber(entries["step"]!.scalarValue)!
    skippedSteps = wholeNumber(entries["skipped_steps"]!.scalarValue)!
    consecutiveSkips = 0
    hypergradient = entries["rate.hypergradient"]?.scalarValue ?? .nan
    isEvaluating = (entries["evaluating"]?.scalarValue ?? 0) != 0
    for i in machines.indices {
      let prefix = "rate.\(i)."
      var values: [String: Double] = [:]
      for (name, value) in entries where name.hasPrefix(prefix) {
        values[String(name.dropFirst(prefix.count))] = value.scalarValue
      }
      machines[i].restore(values)
      if i > 0, pooled.indices.contains(i - 1) { pooled[i - 1].restore(values) }
    }
    for slot in slots {
      slot.steps = wholeNumber(entries["\(slot.name).step"]!.scalarValue)!
      slot.rate = entries["\(slot.name).lr"]!.scalarValue
      for (i, name) in slot.stateNames.enumerated() {
        slot.state[i].copyContents(from: entries["\(slot.name).\(name)"]!.storage)
      }
      func kept(_ name: String) -> Storage? { entries["\(slot.name).\(name)"]?.storage.copy() }
      slot.direction = kept("previous_direction")
      slot.previousGradient = kept("previous_gradient")
      slot.start = kept("start")
      slot.trainingPoint = kept("training_point")
      slot.tangents = kept("rate_tangent").map { z in
        // a state without the second vector is as good as one at its beginning
        RateTangents(
          z, state: slot.state.isEmpty ? nil : kept("momentum_tangent") ?? RateTangents(slot).state)
      }
      slot.epoch = EpochVectors(slot.tensor, kept)
      slot.window = nil
      let start = entries["\(slot.name).window_start"]
      let gradient = entries["\(slot.name).window_gradient"]
      if start != nil || gradient != nil {
        slot.window = WindowVectors()
        slot.window!.start = start?.storage.copy()
        slot.window!.gradient = gradient?.storage.copy()
      }
    }
  }

  /// Vectors that exist only after some steps, for some rates.
  private static let optionalVectors =
    [
      "window_start", "window_gradient", "previous_direction", "previous_gradient", "start", "training_point",
      "rate_tangent", "momentum_tangent",
    ] + EpochVectors.names

  private func isCount(_ name: String) -> Bool {
    name == "step" || name == "skipped_steps" || name.hasSuffix(".step")
  }

  private func isNumber(_ name: String) -> Bool {
    name == "step" || name == "skipped_steps" || name == "evaluating" || name.hasPrefix("rate.")
      || name.hasSuffix(".step")
      || name.hasSuffix(".lr")
  }

  private func number(_ value: Double) -> Tensor {
    let tensor = Tensor(shape: [], dtype: .float64)
    tensor.pointer.storeBytes(of: value, as: Double.self)
    return tensor
  }

  private func vector(_ slot: ParameterSlot, _ storage: Storage) -> Tensor {
    Tensor(shape: slot.tensor.shape, dtype: slot.tensor.dtype, storage: storage.copy())
  }
}

/// Single numbers by name, for the ABI.
extension Optimizer {
  public func property(_ key: String) throws -> Double {
    switch key {
    case "step": return Double(stepCount)
    case "skipped_steps": return Double(skippedSteps)
    case "max_skipped": return Double(maxSkipped)
    case "steps_per_epoch": return stepsPerEpoch
    case "scope": return Double(scope.rawValue)
    case "rollbacks": return Double(safeguard?.rollbacks ?? 0)
    case "rate_scale": return rateScale
    case "guard": return Double(safeguard?.mode.rawValue ?? 0)
    case "explode": return safeguard?.explode ?? .infinity
    case "guard_buffers": return Double(safeguard?.buffers.count ?? 0)
    case "validates": return validates ? 1 : 0
    case "probes": return machineType.probes ? 1 : 0
    case "evaluating": return isEvaluating ? 1 : 0
    case "found": return (machines.first as? PeriodicALRS)?.found ?? .nan
    default: throw Failure.value("an optimizer has no '\(key)'")
    }
  }

  public func setProperty(_ key: String, _ value: Double) throws {
    switch key {
    case "max_skipped":
      guard Bounds.count.contains(value) else {
        throw Failure.value("max_skipped must be \(Bounds.count), got \(value)")
      }
      maxSkipped = Int(value)
    case "steps_per_epoch":
      guard Bounds.count.contains(value) else {
        throw Failure.value("steps_per_epoch must be \(Bounds.count), got \(value)")
      }
      stepsPerEpoch = value
    case "evaluating": setEvaluating(value != 0)
    case "found": try setFound(value)
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
