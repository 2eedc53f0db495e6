import Vocabulary

#if canImport(Darwin)
  import Darwin
#else
  import Glibc
#endif

/// A drop at each milestone: initial gamma^(number of milestones reached), as PyTorch's MultiStepLR.
public struct MultiStepSchedule: CataloguedSchedule {
  public static let card = Card(
    "multi_step", title: "multi-step schedule", paper: "", cost: "nothing",
    arguments: [
      .init("initial", nil, .finite, "the first value"),
      .init("milestones", nil, .count, "increasing steps, each the first after a drop"),
      .init("gamma", 0.1, .notNegative, "factor of every drop"),
    ])
  public static let lists = ["milestones"]

  private let initial, gamma: Double
  private let milestones: [Int]

  public init(_ settings: ScheduleSettings) throws {
    initial = settings["initial"]
    gamma = settings["gamma"]
    milestones = settings.list("milestones").map { Int($0) }
    for i in milestones.indices.dropFirst() where milestones[i] <= milestones[i - 1] {
      throw Failure.value(
        "\(Self.card.title): milestones must increase, got \(milestones[i]) after \(milestones[i - 1])")
    }
  }

  public func value(_ step: Int) -> Double {
    initial * pow(gamma, Double(milestones.prefix { $0 <= step }.count))
  }
}
