import XCTest

@testable import Training

final class ReplayPlanTests: XCTestCase {
  /// Steps of the cheapest of all schedules that visit `points` backwards, by dynamic programming: the next snapshot
  /// after m steps, then what is behind it with one snapshot less, then what is before it.
  private var least: [[Int]] = []
  private let most = 70

  override func setUp() {
    let one = (0...most).map { $0 * max(0, $0 - 1) / 2 }
    least = [[Int](repeating: 0, count: most + 1), one]
    for snapshots in 2...8 {
      var row = [0, 0]
      for points in 2...most {
        row.append((1..<points).map { $0 + least[snapshots - 1][points - $0] + row[$0] }.min()!)
      }
      least.append(row)
    }
  }

  func testReplaysAreAsFewAsCanBe() {
    for snapshots in 1...8 {
      for steps in 1..<most {
        XCTAssertEqual(
          ReplayPlan(snapshots: snapshots).replays(steps), least[snapshots][steps + 1] - steps,
          "\(snapshots) snapshots, \(steps) steps")
      }
    }
  }

  func testDistancesLeadThere() {
    func taken(_ snapshots: Int, _ points: Int) -> Int {
      guard points > 1, snapshots > 1 else { return least[1][points] }
      let m = ReplayPlan(snapshots: snapshots).distance(points)
      return m + taken(snapshots - 1, points - m) + taken(snapshots, m)
    }
    for snapshots in 1...8 {
      for points in 1...most {
        XCTAssertEqual(
          taken(snapshots, points), least[snapshots][points], "\(snapshots) snapshots, \(points) points")
      }
    }
  }

  func testEveryStepTwiceNeedsTheRootOfTwiceTheSteps() {
    XCTAssertEqual(ReplayPlan(snapshots: 100).replays(100), 0)
    // C(143, 141) = 10,153 points; 140 reach 10,011
    XCTAssertLessThan(ReplayPlan(snapshots: 141).replays(10_000), 10_000)
    XCTAssertGreaterThan(ReplayPlan(snapshots: 130).replays(10_000), 10_000)
  }

  func testHorizonsAreGoneBackOverOneByOne() {
    let plan = ReplayPlan(snapshots: 3)
    XCTAssertEqual(plan.replays(40, horizon: 15), 2 * plan.replays(15) + plan.replays(10))
  }

  func testNumbersBeyondAll() {
    XCTAssertEqual(ReplayPlan(snapshots: .max).replays(.max), 0)
    XCTAssertEqual(ReplayPlan(snapshots: 1).replays(.max), .max)
  }
}
