import Foundation
import XCTest

@testable import Adaptation

final class RateTrialsTests: XCTestCase {
  /// A search over plain descent on h x^2 / 2 from x = 1 with what `noise` adds to the loss of a batch.
  private func search(
    _ h: Double, start: Double = 1, rows: Double = 64, noise: (Int) -> Double = { _ in 0 },
    see: (inout RateTrials) -> Void = { _ in }
  ) -> (RateTrials, Int) {
    var trials = RateTrials(start: start, rows: rows)
    see(&trials)
    var (x, batches) = (1.0, 0)
    while !trials.isDone {
      let loss = 0.5 * h * x * x + noise(trials.position)
      x -= trials.value * h * x
      if trials.observe(loss: loss) { x = 1 }
      batches += 1
    }
    return (trials, batches)
  }

  /// All batches alike: the best trial is the one that leaves least, product (1 - r h (1 - t / n))^2 over its steps, in the
  /// mean of its last 8 losses. What is found is half of it, as no direction was seen: the best rung lies within half a
  /// rung of it, a quarter of a decade, and the rest is room for the parabola.
  func testWithoutADirectionTrialsDecideAlone() {
    for h in [0.3, 1.7, 30] {
      func left(_ rate: Double) -> Double {
        (24..<32).reduce(0.0) { sum, steps in
          sum + (0..<steps).reduce(1.0) { $0 * pow(1 - rate * h * (1 - Double($1) / 32), 2) }
        }
      }
      let rates = (-40..<40).map { pow(10, Double($0) / 20) / h }
      let best = rates.min { left($0) < left($1) }!
      for start in [1e-6, 1e-2, 1, 100] {
        let (trials, batches) = search(h, start: start)
        XCTAssertLessThanOrEqual(batches, RateTrials.budget)
        XCTAssertEqual(log10(trials.found / (0.5 * best)), 0, accuracy: 0.3, "\(h) \(start)")
      }
    }
  }

  /// A mean of the trials' rate, which is twice what is found without a direction, and of the usual one.
  func testTheUsualRateHasItsWeight() {
    let alone = 2 * search(1.7).0.found
    // the mean of the last 8 losses at the start
    let loss = 0.5 * 1.7
    for (factor, rows) in [(1.0, 64.0), (0.1, 16)] {
      let (seen, _) = search(1.7, rows: rows) {
        $0.see(gradient2: 9, slope: 9 * factor, direction2: 9 * factor * factor, entries: 1)
      }
      let expected = pow(alone, 0.6) * pow(0.015 * pow(rows / 64, 0.75) / loss / factor, 0.4)
      XCTAssertEqual(seen.found, expected, accuracy: 1e-9 * expected)
    }
    for size in [1.0, 20] {
      let (seen, _) = search(1.7) {
        $0.see(gradient2: 9, slope: size, direction2: 50 * size * size, entries: 50)
      }
      let expected = pow(alone, 0.4) * pow(0.0042 / size, 0.6)
      XCTAssertEqual(seen.found, expected, accuracy: 1e-9 * expected)
    }
  }

  /// Losses below 0 have no scale to go by, and a direction of zeros or of no finite length says nothing.
  func testWithoutAUsualRateTrialsDecideAlone() {
    let alone = search(1.7).0.found
    for (gradient2, direction2) in [(0.0, 1.0), (1, 0), (.infinity, 1), (.nan, 1)] {
      let (trials, _) = search(1.7) {
        $0.see(gradient2: gradient2, slope: 1, direction2: direction2, entries: 4)
      }
      XCTAssertEqual(trials.found, alone)
    }
    let (below, _) = search(1.7, noise: { _ in -9 })
    let (seen, _) = search(1.7, noise: { _ in -9 }) {
      $0.see(gradient2: 1, slope: 1, direction2: 1, entries: 4)
    }
    XCTAssertEqual(seen.found, below.found)
  }

  /// First the last 8 of 32 batches at rate 0; then a ramp from the first batch, by 10^(1/4) a step.
  func testReferenceAndRamp() {
    var trials = RateTrials(start: 0.01)
    for i in 0..<8 {
      XCTAssertEqual(trials.position, 24 + i)
      XCTAssertEqual(trials.value, 0)
      XCTAssertEqual(trials.observe(loss: 1), i == 7)
    }
    for i in 0..<40 {
      XCTAssertEqual(trials.position, i % 32)
      XCTAssertEqual(trials.value, 0.01 * pow(10, Double(i) / 4), accuracy: 1e-9 * trials.value)
      XCTAssertFalse(trials.observe(loss: 1))
    }
    let exploded = trials.value
    XCTAssertTrue(trials.observe(loss: .nan))
    XCTAssertEqual(trials.value, exploded / 10, accuracy: 1e-9 * exploded, "the first trial: two rungs lower")
    for i in 0..<32 {
      XCTAssertEqual(trials.position, i)
      XCTAssertEqual(trials.value, exploded / 10 * (1 - Double(i) / 32), accuracy: 1e-9 * exploded)
      XCTAssertEqual(trials.observe(loss: 0.5), i == 31)
    }
  }

  /// A ramp that explodes at once says nothing of what lies below.
  func testARampBeginsAnewLower() {
    var trials = RateTrials(start: 10)
    for _ in 0..<8 { _ = trials.observe(loss: 1) }
    for expected in [10, 1e-3, 1e-7] {
      XCTAssertEqual(trials.value, expected, accuracy: 1e-9 * expected)
      XCTAssertFalse(trials.observe(loss: 1))
      XCTAssertFalse(trials.observe(loss: 1))
      XCTAssertTrue(trials.observe(loss: .infinity))
    }
  }

  /// A loss that no rate changes: the ramp ends nowhere, and nothing is known.
  func testALossThatStaysIsNotReliable() {
    var trials = RateTrials(start: 0.5)
    var batches = 0
    while !trials.isDone {
      _ = trials.observe(loss: 3)
      batches += 1
    }
    XCTAssertEqual(batches, 8 + 64)
    XCTAssertFalse(trials.isReliable)
    XCTAssertEqual(trials.found, 0.5)
  }

  /// Where no trial could be made, the usual rate is what is left.
  func testWithoutATrialTheUsualRateIsTaken() {
    var trials = RateTrials(start: 0.5)
    trials.see(gradient2: 2, slope: 3, direction2: 36, entries: 9)
    while !trials.isDone { _ = trials.observe(loss: 3) }
    XCTAssertFalse(trials.isReliable)
    XCTAssertEqual(trials.found, 0.0042 / 2, accuracy: 1e-12)
  }

  func testALossThatIsNowhereFiniteIsNotReliable() {
    var trials = RateTrials(start: 0.5)
    for _ in 0..<8 { _ = trials.observe(loss: .nan) }
    XCTAssertTrue(trials.isDone)
    XCTAssertFalse(trials.isReliable)
    XCTAssertEqual(trials.found, 0.5)
  }

  /// At a minimum every step leads up, at every rate.
  func testWhereNothingIsToBeGained() {
    var trials = RateTrials(start: 1e-3)
    var x = 0.0
    var seed: UInt64 = 1
    while !trials.isDone {
      seed = seed &* 6_364_136_223_846_793_005 &+ 1_442_695_040_888_963_407
      let noise = Double(seed >> 40) / Double(1 << 24) - 0.5
      let position = trials.position
      let loss = 0.5 * x * x + 1 + 0.1 * Double(position % 5)
      x -= trials.value * (x + noise)
      if trials.observe(loss: loss) { x = 0 }
    }
    XCTAssertFalse(trials.isReliable)
    XCTAssertGreaterThan(trials.found, 0)
    XCTAssertLessThan(trials.found, 1, "a rate at which a step is as long as the noise")
  }

  /// The level and the scale of losses do not matter to a search without noise, but for where it explodes.
  func testTheScaleOfTheLossDoesNotMatter() {
    let (one, _) = search(1)
    var trials = RateTrials(start: 1)
    var x = 1.0
    while !trials.isDone {
      let loss = 500 * x * x
      x -= trials.value * x
      if trials.observe(loss: loss) { x = 1 }
    }
    XCTAssertEqual(trials.found, one.found, accuracy: 1e-9 * one.found)
  }
}
