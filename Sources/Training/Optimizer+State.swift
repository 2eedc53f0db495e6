import Adaptation
import Autodiff
import Kernels
import Vocabulary

extension Optimizer {
  /// Everything that a resumed run needs, as named tensors; of a guard, all but what undoes the last step.
  public var state: [(name: String, value: Tensor)] {
    get throws { try wholeState() }
  }

  private func wholeState() throws -> [(name: String, value: Tensor)] {
    let trainingState = try trainingState
    guard let numbers = safeguard?.policy.numbers else { return trainingState }
    let tensor = try Tensor(shape: [numbers.count], dtype: .float64)
    numbers.withUnsafeBytes { tensor.pointer.copyMemory(from: $0.baseAddress!, byteCount: $0.count) }
    return trainingState + [("guard", tensor)]
  }

  /// Parameters' vectors and step counts, and the rates' state.
  var trainingState: [(name: String, value: Tensor)] {
    get throws { try makeState() }
  }

  private func makeState() throws -> [(name: String, value: Tensor)] {
    var entries: [(name: String, value: Tensor)] = [
      ("step", try number(Double(stepCount))), ("skipped_steps", try number(Double(skippedSteps))),
    ]
    if averagesPoints { entries.append(("evaluating", try number(isEvaluating ? 1 : 0))) }
    for (i, machine) in machines.enumerated() {
      for (name, value) in machine.state { entries.append(("rate.\(i).\(name)", try number(value))) }
    }
    if validates { entries.append(("rate.hypergradient", try number(hypergradient))) }
    for (i, tensor) in pooled.enumerated() {
      for (name, value) in tensor.state { entries.append(("rate.\(i + 1).\(name)", try number(value))) }
    }
    for slot in slots {
      entries.append(("\(slot.key).step", try number(Double(slot.steps))))
      entries.append(("\(slot.key).lr", try number(slot.rate)))
      for (name, storage) in zip(slot.stateNames, slot.state) {
        entries.append(("\(slot.key).\(name)", try vector(slot, storage)))
      }
      for memory in slot.memories {
        for (name, storage) in memory.vectors(of: slot) {
          entries.append(("\(slot.key).\(name)", try vector(slot, storage)))
        }
      }
    }
    return entries
  }

  /// Checks everything before anything changes. A guard that was on when the state was saved is on again.
  public func load(_ entries: [String: Tensor]) throws {
    guard pending == nil else {
      throw Failure.value(
        "load_state_dict: a step is in progress, which would go on with a state that is not its own; load before or after"
      )
    }
    try checkFree("load_state_dict")
    let kept = entries["guard"]
    let entries = renamed(entries.filter { $0.key != "guard" })
    try check(entries)
    let restored = try kept.map { try GuardPolicy(numbers: numbers($0)) }
    put(entries, try copies(of: entries))
    if var restored {
      restored.every = safeguard?.policy.every ?? 1
      safeguard = Guard(restored, buffers: safeguard?.buffers ?? [])
    } else {
      safeguard?.forget()
    }
  }

  private func numbers(_ tensor: Tensor) throws -> [Double] {
    guard tensor.dtype == .float64, tensor.rank == 1 else {
      throw Failure.shape(
        "load_state_dict: 'guard' must be a float64 vector, got \(describe(tensor.shape)) of \(tensor.dtype.name)"
      )
    }
    return (0..<tensor.count).map { tensor.pointer.load(fromByteOffset: 8 * $0, as: Double.self) }
  }

  /// Names of states that were saved when parameters and rates had one namespace.
  private func renamed(_ entries: [String: Tensor]) -> [String: Tensor] {
    let moved = slots.filter { $0.key != $0.name }
    let isOld = moved.contains { entries["\($0.key).step"] == nil && entries["\($0.name).step"] != nil }
    guard isOld else { return entries }
    let ofRates = Set(machines.indices.flatMap { i in machineStateNames(i).map { "rate.\(i).\($0)" } })
    var entries = entries
    for slot in moved {
      for name in ["step", "lr"] + slot.stateNames + remembered(slot) {
        let old = "\(slot.name).\(name)"
        if !ofRates.contains(old), let value = entries.removeValue(forKey: old) {
          entries["\(slot.key).\(name)"] = value
        }
      }
    }
    return entries
  }

  /// Of the numbers that a machine keeps, and pooling of its tensor.
  private func machineStateNames(_ index: Int) -> [String] {
    machines[index].state.map(\.name)
      + (pooled.indices.contains(index - 1) ? pooled[index - 1].state.map(\.name) : [])
  }

  private func check(_ entries: [String: Tensor]) throws {
    let present = Set(try trainingState.map(\.name))
    let optional = Set(slots.flatMap { slot in remembered(slot).map { "\(slot.key).\($0)" } })
    for name in present.subtracting(optional).sorted() where entries[name] == nil {
      throw Failure.value("load_state_dict: '\(name)' is missing")
    }
    for name in entries.keys.sorted() where !present.contains(name) && !optional.contains(name) {
      throw Failure.value("load_state_dict: '\(name)' does not belong to this optimizer")
    }
    for slot in slots {
      for name in slot.stateNames + remembered(slot) {
        guard let value = entries["\(slot.key).\(name)"] else { continue }
        guard value.shape == slot.tensor.shape, value.dtype == slot.tensor.dtype else {
          throw Failure.shape(
            "load_state_dict: '\(slot.key).\(name)' must have shape \(describe(slot.tensor.shape)) and dtype "
              + "\(slot.tensor.dtype.name), got \(describe(value.shape)) and \(value.dtype.name)")
        }
      }
    }
    let counts = Set(["step", "skipped_steps"] + slots.map { "\($0.key).step" })
    let vectors = Set(
      slots.flatMap { slot in (slot.stateNames + remembered(slot)).map { "\(slot.key).\($0)" } })
    for (name, value) in entries where !vectors.contains(name) && value.count != 1 {
      throw Failure.shape(
        "load_state_dict: '\(name)' must be a single number, got shape \(describe(value.shape))")
    }
    for (name, value) in entries where counts.contains(name) && (wholeNumber(value.scalarValue) ?? -1) < 0 {
      throw Failure.value(
        "load_state_dict: '\(name)' must be a whole number of at least 0, got \(value.scalarValue)")
    }
  }

  /// The vectors of a state that memories keep, as their own; and zeros for those of derivatives by the rate that it lacks.
  func copies(of entries: [String: Tensor]) throws -> [String: Storage] {
    var copies: [String: Storage] = [:]
    for slot in slots {
      for memory in slot.memories {
        for name in memory.names.map({ "\(slot.key).\($0)" }) {
          if let value = entries[name] { copies[name] = try value.storage.copy() }
        }
        guard let first = memory.names.first, memory is RateTangent, copies["\(slot.key).\(first)"] != nil
        else { continue }
        for name in memory.names.map({ "\(slot.key).\($0)" }) where copies[name] == nil {
          copies[name] = try Storage(zeroed: slot.tensor.byteCount)
        }
      }
    }
    return copies
  }

  /// Takes over what `trainingState` has given, and `copies` of it.
  func put(_ entries: [String: Tensor], _ copies: [String: Storage]) {
    stepCount = wholeNumber(entries["step"]!.scalarValue)!
    skippedSteps = wholeNumber(entries["skipped_steps"]!.scalarValue)!
    consecutiveSkips = 0
    hypergradient = entries["rate.hypergradient"]?.scalarValue ?? .nan
    isEvaluating = (entries["evaluating"]?.scalarValue ?? 0) != 0
    for i in machines.indices {
      var values: [String: Double] = [:]
      for name in machineStateNames(i) { values[name] = entries["rate.\(i).\(name)"]?.scalarValue }
      machines[i].restore(values)
      if i > 0, pooled.indices.contains(i - 1) { pooled[i - 1].restore(values) }
    }
    for slot in slots {
      slot.steps = wholeNumber(entries["\(slot.key).step"]!.scalarValue)!
      slot.rate = entries["\(slot.key).lr"]!.scalarValue
      for (i, name) in slot.stateNames.enumerated() {
        slot.state[i].copyContents(from: entries["\(slot.key).\(name)"]!.storage)
      }
      for memory in slot.memories {
        memory.restore(slot) { copies["\(slot.key).\($0)"] }
      }
    }
  }

  /// Names of vectors that a rate may have of a parameter, and has only after some steps.
  private func remembered(_ slot: ParameterSlot) -> [String] { slot.memories.flatMap(\.names) }

  private func number(_ value: Double) throws -> Tensor {
    let tensor = try Tensor(shape: [], dtype: .float64)
    tensor.pointer.storeBytes(of: value, as: Double.self)
    return tensor
  }

  private func vector(_ slot: ParameterSlot, _ storage: Storage) throws -> Tensor {
    Tensor(shape: slot.tensor.shape, dtype: slot.tensor.dtype, storage: try storage.copy())
  }
}
