import XCTest

@testable import Adaptation

final class MultiStepScheduleTests: XCTestCase {
  func testDropsAtMilestones() throws {
    let drops = try schedule("multi_step", lists: ["milestones": [2, 3, 6]], ["initial": 8, "gamma": 0.5])
    assertValues(drops, [8, 8, 4, 2, 2, 2, 1, 1])
    let once = try schedule("multi_step", ["initial": 1, "milestones": 1])
    assertValues(once, [1, 0.1, 0.1])
  }

  func testRejects() {
    assertFails(
      "multi_step", lists: ["milestones": [4, 4]], ["initial": 1],
      "multi-step schedule: milestones must increase, got 4 after 4")
    assertFails(
      "multi_step", lists: ["milestones": [4, 0]], ["initial": 1],
      "multi-step schedule: milestones[1] must be a whole number at least 1 and at most 2147483647, got 0.0")
    assertFails(
      "multi_step", lists: ["milestones": []], ["initial": 1],
      "multi-step schedule: milestones must not be empty")
    assertFails("multi_step", ["initial": 1], "multi-step schedule needs the argument 'milestones'")
  }
}
