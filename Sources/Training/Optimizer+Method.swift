import Adaptation
import Autodiff
import Kernels
import Optimization
import Vocabulary

/// Rates that are whole methods: which directions they go with, and their step.
extension Optimizer {
  var isWhole: Bool { machineType is any WholeMachine.Type }

  static func checkPair(
    _ method: any WholeMachine.Type, _ direction: any Direction.Type, _ arguments: Attributes, _ scope: Scope
  ) throws {
    let title = method.card.title
    guard method.directions.contains(direction.card.name) else {
      let allowed = try method.directions.map { try DirectionCatalogue.find($0).card.title }
      throw Failure.type(
        "\(title) goes with \(allowed.joined(separator: ", ")); got \(direction.card.title), whose recursion it cannot be"
      )
    }
    guard scope == .all else {
      throw Failure.value("\(title) is one method for all parameters: per must be 'all'")
    }
    let settings = try direction.card.read(arguments)
    for name in ["nesterov", "dampening"] + (method.keepsMomentum ? [] : ["momentum"]) {
      guard settings.values[name] ?? 0 == 0 else {
        throw Failure.type(
          "\(title) has a recursion of its own: \(name) must be 0, got \(settings[name])")
      }
    }
    guard settings.values["epsilon"] != 0 else {
      throw Failure.value(
        "\(title) divides by the root of squares that start at 0: eps must be above 0, got 0")
    }
  }

  /// The scalars of a whole method are common to all groups, so that only weight decay may differ.
  func checkGroup(_ attributes: Attributes) throws {
    guard machineType is any WholeMachine.Type else { return }
    let settings = try directionType.card.read(attributes)
    let common = try directionType.card.read(directionArguments)
    for name in common.values.keys.sorted() where name != "weight_decay" && settings[name] != common[name] {
      throw Failure.value(
        "\(name) of a group: \(machineType.card.title) takes one for all parameters, \(common[name]), got "
          + "\(settings[name]); only weight_decay may differ")
    }
  }

  func method(_ dtype: DType) -> MethodKernels? {
    MethodCatalogue.kernels(rate: machineType.card.name, direction: directionType.card.name, dtype)
  }

  /// Never undone: the method asks for nothing in between.
  func stepWhole(
    _ active: [ParameterSlot], _ norms: [Double], _ loss: Double, _ factor: Double, stretch: Double
  )
    throws -> Request
  {
    guard var machine = machines[0] as? any WholeMachine else { return try finished(active, loss) }
    var view = StepView(loss: loss)
    (view.slope, view.smoothedSlope) = (.nan, .nan)
    view.gradientNorm2 = norms.reduce(0, +)
    view.stretch = stretch
    if active.contains(where: { $0.tensor.dtype == .float32 }) { view.precision = Double(Float.ulpOfOne) }
    view.pairing = pairing(active, factor)
    for slot in active where slot.steps == 0 { slot.startMethod() }
    var taken: Double?
    if let pass = machine.prepare(view) {
      let parts = active.map { MethodPart($0.method!, $0.methodVectors, hyper($0)) }
      view.sums = firstPasses(parts, pass)
      if case .take(let rate) = machine.decide(view), rate.isFinite {
        taken = rate
        secondPasses(parts, machine.second)
      }
    }
    machines[0] = machine
    for slot in active {
      slot.steps += 1
      slot.rate = taken ?? 0
    }
    record(0, view, probes: 0, rate: taken)
    return try finished(active, loss)
  }

  private func pairing(_ active: [ParameterSlot], _ factor: Double) -> StepView.Pairing {
    let values = active.map(hyper)
    var pairing = StepView.Pairing()
    pairing.adaptive = directionType.card.name != SGD.card.name
    (pairing.beta1, pairing.beta2) = (values[0].beta1, values[0].beta2)
    pairing.hasCoupledDecay = values.contains { $0.decay != 0 }
    pairing.factor = factor
    return pairing
  }

  // MARK: - Two points

  var averagesPoints: Bool { machineType.memories.contains(.trainingPoint) }

  /// Moves the parameters to the average of all points, or back to where training goes on. No other method has two points.
  func setEvaluating(_ evaluating: Bool) throws {
    guard averagesPoints, evaluating != isEvaluating, let method = machines[0] as? any WholeMachine else {
      return
    }
    // All memory before the first write.
    let moved = slots.filter { $0.steps > 0 }
    let rooms = try moved.map { try Storage(byteCount: $0.tensor.byteCount) }
    for (slot, room) in zip(moved, rooms) {
      if evaluating {
        slot.showAverage(method.interpolation, room)
      } else {
        slot.leaveAverage(method.interpolation, room)
      }
    }
    isEvaluating = evaluating
  }

  func checkTrainingPoint() throws {
    guard !isEvaluating else {
      throw Failure.value(
        "\(machineType.card.title): the parameters stand at the average to be evaluated: call train() before a step"
      )
    }
  }
}

extension ParameterSlot {
  var methodVectors: MethodVectors {
    MethodVectors(
      parameter: tensor.pointer, gradient: tensor.grad!.pointer, state: state.map(\.pointer),
      count: tensor.count)
  }

  /// Before the first step, when the parameter stands where the run begins.
  func startMethod() {
    for storage in state[method!.copiedFrom...] { storage.copyContents(from: tensor.storage) }
  }

  /// The only vector that starts from the parameter: z of y = (1 - beta) z + beta x.
  private var basePoint: Storage { state[method!.copiedFrom] }

  /// x = y + (1 - 1 / beta) (z - y)
  func showAverage(_ beta: Double, _ room: Storage) {
    room.copyContents(from: tensor.storage)
    trainingPoint = room
    interpolate(scalar, tensor.pointer, basePoint.pointer, 1 - 1 / beta, tensor.pointer, tensor.count)
  }

  /// y as it was, to the bit, if x is still what was made of it; else y = x + (1 - beta) (z - x), for an x that the user
  /// has put there.
  func leaveAverage(_ beta: Double, _ x: Storage) {
    defer { trainingPoint = nil }
    if let y = trainingPoint {
      interpolate(scalar, y.pointer, basePoint.pointer, 1 - 1 / beta, x.pointer, tensor.count)
      if x.equals(tensor.storage) {
        tensor.storage.copyContents(from: y)
        return
      }
    }
    interpolate(scalar, tensor.pointer, basePoint.pointer, 1 - beta, tensor.pointer, tensor.count)
  }
}
