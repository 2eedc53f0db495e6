import Adaptation
import Kernels

/// What is kept of past steps for the rate of one parameter: vectors, which a saved state holds by name, and what they
/// show the rate's machine of the step at hand.
protocol StepMemory: AnyObject {
  /// Of the vectors that it may have.
  var names: [String] { get }
  /// Those that it has; a vector begins when it is first needed.
  func vectors(of slot: ParameterSlot) -> [(name: String, storage: Storage)]
  /// Gets what it needs of memory before a step writes anything.
  func allocate(_ slot: ParameterSlot, _ moment: StepMoment) throws
  /// Goes back to vectors that were saved; what was not has not begun.
  func restore(_ slot: ParameterSlot, _ saved: (_ name: String) -> Storage?)
  /// Adds to what the machine sees of a step whose gradient is there, and whose direction is not found yet.
  func look(at slot: ParameterSlot, _ moment: StepMoment, _ view: inout StepView)
  /// Adds to what the machine sees, once the direction is found.
  func see(_ slot: ParameterSlot, _ view: inout StepView)
  /// Keeps what the next step is to be compared with; this one is about to be taken.
  func keep(_ slot: ParameterSlot)
}

extension StepMemory {
  func allocate(_ slot: ParameterSlot, _ moment: StepMoment) throws {}
  func look(at slot: ParameterSlot, _ moment: StepMoment, _ view: inout StepView) {}
  func see(_ slot: ParameterSlot, _ view: inout StepView) {}
  func keep(_ slot: ParameterSlot) {}

  /// The vectors that there are of those in the order of `names`.
  func named(_ storages: Storage?...) -> [(name: String, storage: Storage)] {
    zip(names, storages).compactMap { name, storage in storage.map { (name, $0) } }
  }
}

/// The step at hand, as far as memories of one parameter need it.
struct StepMoment {
  /// Steps that were taken before.
  let step: Int
  /// Steps of an epoch, and of a window of rates that have one.
  let epoch, window: Int
  /// Weight decay that is coupled with the gradient.
  let decay: Double
  /// Whether the direction keeps an average of the gradient.
  var averages = true
  /// Whether the step is one of a search, which will be undone.
  var searches = false
}

extension Memory {
  func make(_ slot: ParameterSlot, _ average: GradientAverage.Kind = .init()) -> any StepMemory {
    switch self {
    case .previous: PreviousStep(keepsGradient: false)
    case .previousGradient: PreviousStep(keepsGradient: true)
    case .start: StartPoint()
    case .trainingPoint: TrainingPoint()
    case .rateTangent: RateTangent(slot)
    case .epochAverage: EpochAverage()
    case .window: WindowGradient()
    case .gradientAverage: GradientAverage(average)
    case .searchStart: SearchStart()
    }
  }
}

extension ParameterSlot {
  func memory<M: StepMemory>(_: M.Type) -> M? {
    for case let memory as M in memories { return memory }
    return nil
  }
}
