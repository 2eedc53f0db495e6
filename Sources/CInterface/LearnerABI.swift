import Adaptation
import CLRSwift
import Vocabulary

/// The outer loop of learned schedules, driven by whoever has hypergradients.
private final class LearnerHandle {
  var learner: ScheduleLearner
  init(_ learner: ScheduleLearner) { self.learner = learner }
}

@c @implementation
public func lrs_learner_create(
  _ out: UnsafeMutablePointer<OpaquePointer?>!, _ list: UnsafePointer<lrs_attribute>!, _ count: Int
) -> lrs_status {
  succeeds {
    let out = try place(out, "out")
    out.pointee = retain(LearnerHandle(try ScheduleLearner(try attributes("learn_schedule", list, count))))
  }
}

@c @implementation
public func lrs_learner_destroy(_ learner: OpaquePointer!) { release(learner, LearnerHandle.self) }

@c @implementation
public func lrs_learner_observe(
  _ learner: OpaquePointer!, _ list: UnsafePointer<lrs_attribute>!, _ count: Int
) -> lrs_status {
  succeeds {
    let box = try object(learner, LearnerHandle.self, "learner")
    let given = try attributes("observe", list, count)
    try given.allow(["losses", "hypergradients", "whole"])
    try box.learner.observe(
      losses: try given.numbers("losses"), hypergradients: try given.numbers("hypergradients"),
      whole: try given.flag("whole", default: true))
  }
}

@c @implementation
public func lrs_learner_get(
  _ out: UnsafeMutablePointer<OpaquePointer?>!, _ learner: OpaquePointer!, _ key: UnsafePointer<CChar>!
) -> lrs_status {
  succeeds {
    let out = try place(out, "out")
    let learner = try object(learner, LearnerHandle.self, "learner").learner
    let key = try text(key, "key")
    let values: [Double]
    switch key {
    case "values": values = learner.values
    case "steps": values = learner.steps
    case "best_values": values = learner.bestValues
    case "best_loss": values = [learner.bestLoss]
    case "signals": values = learner.signals
    case "sensitivities": values = learner.sensitivities
    case "observed": values = [Double(learner.observed)]
    case "converged": values = [learner.isConverged ? 1 : 0]
    case "retreated": values = [learner.retreated ? 1 : 0]
    case "state": values = learner.state
    default: throw Failure.value("a schedule learner has no '\(key)'")
    }
    out.pointee = handle(try doubles(values, shape: [values.count]))
  }
}

@c @implementation
public func lrs_learner_load(
  _ learner: OpaquePointer!, _ list: UnsafePointer<lrs_attribute>!, _ count: Int
) -> lrs_status {
  succeeds {
    let box = try object(learner, LearnerHandle.self, "learner")
    let given = try attributes("load", list, count)
    try given.allow(["state"])
    try box.learner.load(try given.numbers("state"))
  }
}

// MARK: - Finalists

@c @implementation
public func lrs_finalists_penalty(
  _ out: UnsafeMutablePointer<Double>!, _ list: UnsafePointer<lrs_attribute>!, _ count: Int
) -> lrs_status {
  succeeds {
    let out = try place(out, "out")
    let given = try attributes("finalists", list, count)
    try given.allow(["train_losses", "valid_loss"])
    out.pointee = Finalists.penalty(
      trainLosses: try given.numbers("train_losses"), validLoss: try given.number("valid_loss"))
  }
}

@c @implementation
public func lrs_finalists_judge(
  _ scores: UnsafeMutablePointer<OpaquePointer?>!, _ best: UnsafeMutablePointer<Int64>!,
  _ list: UnsafePointer<lrs_attribute>!, _ count: Int
) -> lrs_status {
  succeeds {
    let (out, best) = (try place(scores, "scores"), try place(best, "best"))
    let given = try attributes("finalists", list, count)
    try given.allow(["losses", "penalties", "networks"])
    let scores = try Finalists.scores(
      losses: try given.numbers("losses"), penalties: try given.numbers("penalties"),
      networks: try given.integer("networks"))
    best.pointee = Finalists.best(scores).map(Int64.init) ?? -1
    out.pointee = handle(try doubles(scores, shape: [scores.count]))
  }
}
