import Autodiff
import CVector
import Kernels
import Vocabulary

/// Batches for a recorded program: rows of whole arrays, named by indices [steps, batch].
public struct Batches {
  public let data: [Tensor]
  public let indices: UnsafePointer<Int64>
  public let steps: Int
  public let batch: Int
  /// The run ends after the step during which this many seconds have passed.
  public let seconds: Double

  public init(data: [Tensor], indices: UnsafePointer<Int64>, steps: Int, batch: Int, seconds: Double) {
    self.data = data
    self.indices = indices
    self.steps = steps
    self.batch = batch
    self.seconds = seconds
  }

  /// Calls `step(index)` with the program's inputs loaded, until it returns false, all is done or time is up. `touching`:
  /// what steps work on beside the program's own.
  func run(
    _ program: Program, touching others: [Tensor] = [], done: inout Int, _ step: (Int) throws -> Bool
  ) throws {
    try program.check(data, rows: indices, steps * batch, batch: batch)
    let deadline = cv_seconds() + seconds
    guard let claim = try program.claim(and: others, seconds: seconds) else { return }
    defer { claim.release() }
    while done < steps {
      let goesOn = try ForkGate.shared.pass {
        try program.attempt {
          program.load(data, rows: indices + done * batch)
          try Refusal.checkReserve()
          return try step(done)
        }
      }
      done += 1
      if !goesOn || cv_seconds() >= deadline { return }
    }
  }
}

extension Program {
  /// Trains (or, without an optimizer, evaluates) on batches. `done` counts whole steps also when an error is thrown.
  public func run(
    _ optimizer: Optimizer?, _ batches: Batches, done: inout Int, losses: UnsafeMutablePointer<Double>,
    rates: UnsafeMutablePointer<Double>
  ) throws {
    if let optimizer, optimizer.validates {
      throw Failure.type(
        "\(optimizer.machineType.card.title) evaluates a validation loss after every step, which a recorded program cannot: "
          + "use minimize(closure, valid=...)")
    }
    if optimizer?.machineType.measuresCurvature == true { try keepValues() }
    let parameters = optimizer?.slots.map(\.tensor) ?? []
    try batches.run(self, touching: parameters, done: &done) { i in
      losses[i] = try forward(keepsStatistics: optimizer?.isSearching ?? false)
      guard let optimizer else { return true }
      try backward()
      var request = try optimizer.begin(loss: losses[i], mayProbe: true, afterBackward: true)
      do {
        while request.kind != .done {
          if request.kind == .curvature {
            request = try optimizer.answer(curvatureOf: loss)
            continue
          }
          let probed = try forward(probe: true)
          if request.kind == .gradient { try backward() }
          request = try optimizer.answer(loss: probed)
        }
      } catch {
        optimizer.abort()
        throw error
      }
      rates[3 * i] = request.rate
      rates[3 * i + 1] = request.low
      rates[3 * i + 2] = request.high
      return true
    }
  }
}
