import Kernels

/// The derivatives of one parameter and of its state by the rate, the same at every step.
final class RateTangents {
  let parameter: Storage
  let state: [Storage]

  init(_ slot: ParameterSlot) throws {
    parameter = try Storage(zeroed: slot.tensor.byteCount)
    state = try slot.state.map { try Storage(zeroed: $0.byteCount) }
  }

  init(_ parameter: Storage, state: [Storage]) { (self.parameter, self.state) = (parameter, state) }

  func scaled(_ slot: ParameterSlot, by factor: Double) throws -> RateTangents {
    func times(_ source: Storage) throws -> Storage {
      let made = try Storage(byteCount: source.byteCount)
      scale(slot.scalar, source.pointer, factor, made.pointer, slot.tensor.count, false)
      return made
    }
    return RateTangents(try times(parameter), state: try state.map(times))
  }
}

/// These derivatives after the last step; nil before the first.
final class RateTangent: StepMemory {
  let names: [String]
  fileprivate var tangents: RateTangents?

  init(_ slot: ParameterSlot) { names = ["rate_tangent"] + slot.stateNames.map { "\($0)_tangent" } }

  func vectors(of slot: ParameterSlot) -> [(name: String, storage: Storage)] {
    guard let tangents else { return [] }
    return zip(names, [tangents.parameter] + tangents.state).map { ($0, $1) }
  }

  /// A vector that was not saved is as good as one at its beginning.
  func restore(_ slot: ParameterSlot, _ saved: (String) -> Storage?) {
    tangents = saved(names[0]).map { RateTangents($0, state: names.dropFirst().compactMap(saved)) }
  }
}

extension ParameterSlot {
  var tangents: RateTangents? {
    get { memory(RateTangent.self)?.tangents }
    set { memory(RateTangent.self)?.tangents = newValue }
  }
}
