import Vocabulary
import XCTest

@testable import Adaptation

/// Held to the definition: mean plus standard error, and numbers worked out by hand.
final class FinalistsTests: XCTestCase {
  func testAPeakIsLateAndAsHighAsAllThatWasWon() {
    let cases: [([Double], Bool, String)] = [
      ([2, 9, 1, 0.5], false, "a bad start"), ([2, 1, 0, 1, 0], false, "half of it lost"),
      ([2, 3, 4], false, "no decline"), ([2, 2, 2], false, "no change"), ([], false, "no loss known"),
      ([2, 1, 0, 2.1, 0], true, "all of it lost"), ([2, 0.9, 3.1, 0], true, "halfway down"),
      ([2, 1.1, 9, 0], false, "not yet halfway down"), ([2, 1, 0, 2, 0], false, "no more than all of it"),
    ]
    for unit in [1e-6, 1, 1e6] {
      for (losses, expected, name) in cases {
        XCTAssertEqual(Finalists.peaked(losses.map { unit * $0 }), expected, "\(name), unit \(unit)")
      }
    }
  }

  /// A fifth of the way from 0.4 back to 2.3.
  func testWhoCameBackByLuckCountsAsWorse() {
    let (calm, peak) = ([2.3, 2.6, 1.2, 0.5, 1.4, 0.4], [2.3, 1.2, 0.5, 2.9, 0.5, 0.4])
    XCTAssertEqual(Finalists.penalty(trainLosses: peak, validLoss: 0.4), 0.38, accuracy: 1e-15)
    XCTAssertEqual(Finalists.penalty(trainLosses: calm, validLoss: 0.4), 0)
    XCTAssertEqual(Finalists.penalty(trainLosses: peak, validLoss: 3), 0, "it cannot become better by it")
    for bad in [Double.infinity, .nan] {
      XCTAssertEqual(Finalists.penalty(trainLosses: peak, validLoss: bad), 0)
    }
    XCTAssertEqual(Finalists.penalty(trainLosses: [], validLoss: 1), 0)
  }

  /// 1, 2, 3, 6: mean 3, sum of squared deviations 14, so a standard error of sqrt(14 / 3 / 4).
  func testAScoreIsTheMeanPlusItsStandardError() throws {
    let scores = try Finalists.scores(
      losses: [1, 2, 3, 6, 1, 1, 1, 1], penalties: [0, 0, 0, 0, 0, 1, 2, 5], networks: 4)
    let expected = 3 + (14.0 / 12).squareRoot()
    for score in scores { XCTAssertEqual(score, expected, accuracy: 1e-15, "losses and penalties add up") }
  }

  /// What is a little worse everywhere, before what is better on average and ruins one; never what diverged.
  func testOneRuinedNetworkIsNotAveragedAway() throws {
    let (spread, even) = ([0.4, 0.4, 0.4, 0.4, 0.4, 0.7], [Double](repeating: 0.46, count: 6))
    for bad in [Double.infinity, .nan, -.infinity] {
      let diverged = [0.1, 0.1, bad, 0.1, 0.1, 0.1]
      let scores = try Finalists.scores(
        losses: spread + even + diverged, penalties: [Double](repeating: 0, count: 18), networks: 6)
      XCTAssertLessThan(spread.reduce(0, +), even.reduce(0, +))
      XCTAssertEqual(Finalists.best(scores), 1)
      XCTAssertEqual(scores[2], .infinity)
    }
    XCTAssertNil(Finalists.best([.infinity, .infinity]))
    XCTAssertNil(Finalists.best([]))
    XCTAssertEqual(Finalists.best([.infinity, 2, 1, 1]), 2, "the first of equals")
  }

  func testWhatDoesNotFitIsNamed() {
    for (losses, penalties, networks) in [
      ([1, 2], [0], 2), ([1, 2, 3], [0, 0, 0], 2), ([1], [0], 1), ([], [], 0),
    ] {
      XCTAssertThrowsError(
        try Finalists.scores(
          losses: losses.map(Double.init), penalties: penalties.map(Double.init), networks: networks)
      ) { XCTAssertTrue("\($0)".contains("finalists"), "\($0)") }
    }
    XCTAssertEqual(try Finalists.scores(losses: [], penalties: [], networks: 2), [])
  }
}
