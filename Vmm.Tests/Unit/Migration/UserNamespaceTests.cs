using Vmm.Migration.Handover;

namespace Vmm.Tests.Unit.Migration;

/// <summary>In a user namespace one number stands for every user whom it does not map.</summary>
[Parallelizable(ParallelScope.All)]
public sealed class UserNamespaceTests
{
    private const string EveryUser = "         0          0 4294967295\n";
    private const string Container = "0 100000 65536\n";

    [TestCase(1000u, "65534\n", EveryUser, true, TestName = "Without_user_namespaces_every_user_is_certain")]
    [TestCase(65534u, "65534\n", EveryUser, true, TestName = "Without_user_namespaces_id_65534_is_a_user_like_others")]
    [TestCase(1000u, "65534\n", Container, true, TestName = "Whom_the_namespace_maps_is_certain")]
    [TestCase(0u, "65534\n", Container, true, TestName = "So_is_its_root")]
    [TestCase(65534u, "65534\n", Container, false, TestName = "The_overflow_uid_is_not_although_the_namespace_maps_it_too")]
    [TestCase(65534u, "65534\n", "", false, TestName = "Nor_is_it_where_nobody_is_mapped")]
    [TestCase(65534u, "65534\n", "0 0 2147483648\n2147483648 2147483648 2147483647\n", true, TestName = "A_map_of_several_parts_may_have_everybody")]
    [TestCase(65534u, "99\n", Container, true, TestName = "With_another_overflow_uid_65534_is_a_user")]
    [TestCase(99u, "99\n", Container, false, TestName = "And_that_other_one_is_none")]
    [TestCase(0u, "0\n", Container, false, TestName = "Root_is_not_certain_where_it_is_the_overflow_uid")]
    [TestCase(65534u, null, null, false, TestName = "Without_proc_the_usual_overflow_uid_is_not_certain")]
    [TestCase(1000u, null, null, true, TestName = "Without_proc_everybody_else_is")]
    public void It_is_certain(uint user, string? overflow, string? map, bool isCertain) =>
        Assert.That(UserNamespace.IsCertain(user, overflow, map), Is.EqualTo(isCertain));
}
