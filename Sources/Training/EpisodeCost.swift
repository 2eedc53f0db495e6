import Autodiff
import Vocabulary

/// What a step of a differentiated run will cost, in plain steps, by mode.
struct EpisodeCost {
  /// Of a tangent column, and of going back over a step: between 1.6 and 1.8, and 2.6 and 4.0, of LeNet and of an MLP
  /// whose parameters do not fit into the cache (benchmarks/replay.py).
  private static let column = 1.6
  private static let retreat = 2.9

  struct Prediction {
    let mode: Episode.Mode
    let cost: Double
    var replays = 0
    /// Of reverse mode.
    var plan: ReplayPlan?
  }

  private let settings: EpisodeSettings
  private let parameters: [Tensor]

  init(_ settings: EpisodeSettings, _ parameters: [Tensor]) {
    (self.settings, self.parameters) = (settings, parameters)
  }

  /// The mode that was asked for, or the cheaper one. Nothing to differentiate by is training alone.
  var chosen: Prediction {
    get throws {
      if settings.mode == .plain || settings.tracked.isEmpty { return Prediction(mode: .plain, cost: 1) }
      switch settings.mode {
      case .reverse: return try reverse
      case .auto where !settings.clipProduct.isFinite:
        let forward = forward
        guard let reverse = try? reverse, reverse.cost < forward.cost else { return forward }
        return reverse
      default: return forward
      }
    }
  }

  /// A column costs something from its first step to the end of the horizon of its last one.
  private var forward: Prediction {
    let (steps, horizon) = (settings.steps, settings.horizon)
    var active = 0.0
    for number in settings.tracked {
      let column = settings.columns[number]
      let windows = settings.windows(column.source)
      let first = (column.window * steps + windows - 1) / windows
      let end = ((column.window + 1) * steps + windows - 1) / windows
      active += Double(min(steps, (end + horizon - 1) / horizon * horizon) - first)
    }
    return Prediction(mode: .forward, cost: 1 + Self.column * active / Double(steps))
  }

  private var reverse: Prediction {
    get throws {
      let plan = try settings.plan(parameters)
      let replays = plan.replays(settings.steps, horizon: settings.horizon)
      let cost = 1 + Self.retreat + Double(replays) / Double(settings.steps)
      return Prediction(mode: .reverse, cost: cost, replays: replays, plan: plan)
    }
  }
}
