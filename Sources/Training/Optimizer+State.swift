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
      for memory in slot.memories {
        for (name, storage) in memory.vectors(of: slot) {
          entries.append(("\(slot.name).\(name)", vector(slot, storage)))
        }
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
    let optional = Set(slots.flatMap { slot in remembered(slot).map { "\(slot.name).\($0)" } })
    for name in present.subtracting(optional).sorted() where entries[name] == nil {
      throw Failure.value("load_state_dict: '\(name)' is missing")
    }
    for name in entries.keys.sorted() where !present.contains(name) && !optional.contains(name) {
      throw Failure.value("load_state_dict: '\(name)' does not belong to this optimizer")
    }
    for slot in slots {
      for name in slot.stateNames + remembered(slot) {
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
      for memory in slot.memories {
        memory.restore(slot) { entries["\(slot.name).\($0)"]?.storage.copy() }
      }
    }
  }

  /// Names of vectors that a rate may have of a parameter, and has only after some steps.
  private func remembered(_ slot: ParameterSlot) -> [String] { slot.memories.flatMap(\.names) }

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
