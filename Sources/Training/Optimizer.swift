import Adaptation
import Autodiff
import Kernels
import Optimization
import Vocabulary

/// A direction and a rate over groups of parameters.
public final class Optimizer: @unchecked Sendable {
  let directionType: any Direction.Type
  let directionArguments: Attributes
  let choice: RateChoice
  var machineType: any RateMachine.Type { choice.type }
  var limits: RateLimits { choice.limits }
  var scope: Scope { choice.scope }

  var groups: [Group] = []
  var slots: [ParameterSlot] = []
  var machines: [any RateMachine] = []
  /// One per parameter where rates are pooled, else none.
  var pooled: [PooledTensor] = []
  public internal(set) var stepCount = 0
  public internal(set) var skippedSteps = 0
  var consecutiveSkips = 0
  public var maxSkipped = 20
  /// What `fit` knows and a window given as a fraction of an epoch needs.
  public var stepsPerEpoch: Double
  let clipping: Clipping
  /// Whether the rate is one that is searched for; asked at every step, so that a cast would be felt.
  let searches: Bool
  var pending: PendingStep?
  private var held: Claim?
  private var holds = 0
  var recorder: FlightRecorder?
  var safeguard: Guard?
  /// The parameters stand at the average of all points, not where training goes on.
  var isEvaluating = false
  /// Of the validation loss by the rate, after the last step; NaN before the first.
  var hypergradient = Double.nan

  public init(direction: String, _ directionArguments: Attributes, rate: String, _ rateArguments: Attributes)
    throws
  {
    directionType = try DirectionCatalogue.find(direction)
    clipping = try Clipping(directionArguments)
    self.directionArguments = Clipping.remaining(directionArguments)
    _ = try DirectionCatalogue.make(directionType, self.directionArguments)
    choice = try RateChoice(rate, rateArguments)
    stepsPerEpoch = choice.stepsPerEpoch
    searches = choice.type is any SearchingMachine.Type
    if let whole = machineType as? any WholeMachine.Type {
      try Optimizer.checkPair(whole, directionType, self.directionArguments, scope)
    }
    if machineType is any OnlineMachine.Type { try checkClipping() }
    guard !choice.decayInLoss || !clipping.isOn else {
      throw Failure.value(
        "\(machineType.card.title): decay_in_loss and clipping: the gradient of a loss with decay is never clipped as a whole; "
          + "one of both must be off")
    }
  }

  public var rates: [Double] { slots.map(\.rate) }

  /// Begins or ends training in the calling thread: until as many ends as beginnings, others cannot work on the parameters.
  public func hold(_ begins: Bool) throws {
    if begins {
      if let held, !held.isStale {
        try held.again("training")
      } else {
        held = try Claim.hold("training", slots.map(\.tensor))
        holds = 0
      }
      holds += 1
    } else if holds > 0 {
      holds -= 1
      if holds == 0 {
        held?.release()
        held = nil
      }
    }
  }

  deinit { held?.release() }

  public func zeroGrad() throws {
    try checkFree("zero_grad")
    for slot in slots { slot.tensor.grad = nil }
  }

  /// Nobody works on the parameters in another thread.
  func checkFree(_ what: String) throws { try Claim.check(what, slots.map(\.tensor)) }

  func hyper(_ slot: ParameterSlot) -> HyperValues {
    groups[slot.group].direction.hyper(slot.steps + 1)
  }

  func machineIndex(_ slot: ParameterSlot) -> Int {
    switch scope {
    case .all: 0
    case .group: slot.group
    case .tensor: slot.index
    case .pooled: slot.index + 1
    }
  }
}
