# Copyright: Contributors to the slipway.aws project
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)

# Amazon's CloudWatch agent, as a lab has it: a stand-in in a package of the same name, where Amazon's is.
