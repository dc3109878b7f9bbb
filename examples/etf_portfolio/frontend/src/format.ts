const money = new Intl.NumberFormat("en", { minimumFractionDigits: 2, maximumFractionDigits: 2 });
const units = new Intl.NumberFormat("en", { maximumFractionDigits: 6 });
const share = new Intl.NumberFormat("en", { style: "percent", maximumFractionDigits: 1 });

export const formatMoney = (amount: string) => money.format(Number(amount));
export const formatUnits = (amount: string) => units.format(Number(amount));
export const formatShare = (part: number) => share.format(part);
