import Vocabulary

/// A direction whose arguments change on the way: "momentum": n values beside "momentum.steps": S means the value at
/// index floor(n t / S) at step t, counted from 0, and the last one from S on. Such values need only be finite, like
/// those of a schedule of the rate: what hypergradients find may be negative.
struct PiecewiseDirection: ConfiguredDirection {
  struct Schedule {
    let name: String
    let values: [Double]
    let steps: Int

    func value(_ t: Int) -> Double { values[min(values.count * min(t, steps) / steps, values.count - 1)] }
    /// The first step of every value: the smallest t with floor(n t / S) = i.
    var starts: [Int] { values.indices.map { ($0 * steps + values.count - 1) / values.count } }
  }

  /// Every stretch of constant arguments, by its first step.
  private let stretches: [(start: Int, direction: any Direction)]

  init(_ kind: any Direction.Type, _ settings: Settings, _ schedules: [Schedule]) throws {
    let starts = Set(schedules.flatMap(\.starts)).sorted()
    var settings = settings
    settings.varying = Set(schedules.filter { $0.values.contains { $0 != 0 } }.map(\.name))
    stretches = try starts.map { start in
      var now = settings
      for schedule in schedules { now.values[schedule.name] = schedule.value(start) }
      return (start, try kind.init(now))
    }
  }

  // What the values at some step could do without is kept by all.
  var slots: [String] { stretches[0].direction.slots }
  var initialState: [Double] { stretches[0].direction.initialState }
  func kernels(_ dtype: DType) -> RuleKernels { stretches[0].direction.kernels(dtype) }
  func hyper(_ t: Int) -> HyperValues { stretches.last { $0.start < t }!.direction.hyper(t) }
}

extension DirectionCatalogue {
  /// The direction with these attributes, numbers or pieces.
  public static func make(_ kind: any Direction.Type, _ attributes: Attributes) throws
    -> any ConfiguredDirection
  {
    let suffix = ".steps"
    var plain = attributes.values
    var schedules: [PiecewiseDirection.Schedule] = []
    for argument in kind.card.arguments where attributes.has(argument.name + suffix) {
      let values = try attributes.numbers(argument.name)
      let steps = try attributes.integer(argument.name + suffix)
      guard !values.isEmpty, values.allSatisfy(\.isFinite), steps > 0 else {
        throw Failure.value(
          "\(attributes.owner): \(argument.name): got \(values) over \(steps) steps; "
            + "allowed: finite numbers over at least 1 step")
      }
      schedules.append(.init(name: argument.name, values: values, steps: steps))
      plain[argument.name] = argument.default.map { .numbers([$0]) }
      plain[argument.name + suffix] = nil
    }
    let settings = try kind.card.read(Attributes(attributes.owner, plain))
    return schedules.isEmpty ? try kind.init(settings) : try PiecewiseDirection(kind, settings, schedules)
  }
}
