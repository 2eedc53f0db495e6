import Adaptation
import Autodiff
import Kernels
import Optimization

/// One parameter tensor inside an optimizer: its vectors, beside the tensor itself.
final class ParameterSlot {
  let tensor: Tensor
  let name: String
  /// What the names of its state begin with. Those of the rates' state begin with "rate."; a parameter whose own name
  /// does is told apart by a colon, and so is one that has the colon already.
  let key: String
  let group: Int
  /// Its place among all parameters of the optimizer.
  let index: Int
  let kernels: RuleKernels
  /// Where the rate brings a recursion of its own.
  let method: MethodKernels?
  let stateNames: [String]
  private let initialState: [Double]
  /// Steps this parameter has taken.
  var steps = 0
  var state: [Storage]
  /// The state after the step in progress, where it may still be called off.
  private var spare: [Storage] = []
  var direction: Storage?
  /// For the first direction.
  private var room: Storage?
  private var backup: Storage?
  /// In the order in which a saved state lists them.
  private(set) var memories: [any StepMemory] = []
  var rate = 0.0

  init(
    _ tensor: Tensor, _ name: String, _ group: Int, _ index: Int, _ direction: any ConfiguredDirection,
    _ method: MethodKernels? = nil, remembers: Set<Memory> = [], average: GradientAverage.Kind = .init(),
    keepsClipped: Bool = false
  ) throws {
    self.tensor = tensor
    self.name = name
    key =
      name == "rate" || name.utf8.starts(with: "rate.".utf8) || name.utf8.first == 0x3A ? ":" + name : name
    self.group = group
    self.index = index
    kernels = direction.kernels(tensor.dtype)
    self.method = method
    stateNames = method?.names ?? direction.slots
    initialState = method?.names.map { _ in 0 } ?? direction.initialState
    state = try stateNames.map { _ in try Storage(byteCount: tensor.byteCount) }
    memories = Memory.allCases.filter(remembers.contains).map { $0.make(self, average) }
    if keepsClipped { memories.append(ClippedPart()) }
    resetState()
  }

  var scalar: any Scalar.Type { tensor.dtype.scalar }
  var directionPointer: UnsafeMutableRawPointer { direction!.pointer }

  /// Of the gradient that a program's backward run has left: from what it knows, or by looking.
  var gradientIsFinite: Bool {
    if tensor.gradientIsFinite { return true }
    let g = tensor.grad!.pointer
    return innerProduct(scalar, g, g, tensor.count).isFinite
  }

  private func vectors(into target: [Storage]) -> RuleVectors {
    let none = tensor.pointer
    return RuleVectors(
      parameter: tensor.pointer, gradient: tensor.grad!.pointer,
      state0: state.first?.pointer ?? none, state1: state.count > 1 ? state[1].pointer : none,
      newState0: target.first?.pointer ?? none, newState1: target.count > 1 ? target[1].pointer : none,
      count: tensor.count)
  }

  /// Its part in a step in one pass, state in place.
  func part(_ hyper: HyperValues) -> RulePart { RulePart(kernels, vectors(into: state), hyper) }

  /// All memory of a step that finds directions, before the first of its writes: who gets none leaves all as it was.
  func allocate(_ moment: StepMoment, revocable: Bool, displaces: Bool) throws {
    if direction == nil, room == nil { room = try Storage(byteCount: tensor.byteCount) }
    if revocable && spare.count != state.count {
      spare = try state.map { try Storage(byteCount: $0.byteCount) }
    }
    if displaces && backup == nil { backup = try Storage(byteCount: tensor.byteCount) }
    for memory in memories { try memory.allocate(self, moment) }
  }

  /// Its part in finding the direction; the new state goes in place, or aside if the step may be called off.
  func prepare(_ hyper: HyperValues, revocable: Bool) throws -> RulePart {
    if direction == nil { direction = try room ?? Storage(byteCount: tensor.byteCount) }
    room = nil
    return RulePart(kernels, vectors(into: revocable ? spare : state), hyper)
  }

  /// The direction's own average of the gradient after the step in progress, where it keeps one.
  func newAverage(revocable: Bool) -> Storage? { (revocable ? spare : state).first }

  /// theta = start - length d, where start is what it was before the first call of this step.
  func displace(by length: Double) {
    if !isDisplaced { backup!.copyContents(from: tensor.storage) }
    isDisplaced = true
    addScaled(scalar, backup!.pointer, directionPointer, -length, tensor.pointer, tensor.count)
  }

  private(set) var isDisplaced = false

  func restore() {
    if isDisplaced { tensor.storage.copyContents(from: backup!) }
    isDisplaced = false
  }

  /// Ends the step: theta -= rate d, and the new state becomes the state.
  func commit(rate: Double?, revocable: Bool) {
    restore()
    if let rate { addScaled(scalar, tensor.pointer, directionPointer, -rate, tensor.pointer, tensor.count) }
    if revocable { swap(&state, &spare) }
    steps += 1
    self.rate = rate ?? 0
  }

  func resetState() {
    for (storage, value) in zip(state, initialState) { fill(scalar, storage.pointer, tensor.count, value) }
    steps = 0
  }
}
